/** The explorer: reads what is asked, and shows what it costs. */

const PAUSE_MS = 150;
const SAY_AFTER_MS = 900;
const CSV_NAME = "token2metrics.csv";
const CSV_TYPE = "text/csv;charset=utf-8";
const IN_MORE = [
  "confidence",
  "probability",
  "context_tokens",
  "price_per_kwh",
  "device_price",
  "lifetime_years",
];
const BYTE_ORDER_MARK = "\uFEFF";
const NO_CLIPBOARD = "Not allowed to copy; take the address of the link beside.";

/** What stands in the page now. */
const current = { state: firstState(), shown: [] };

/** Return a function that does something once nothing asked for it for some time. */
function later(milliseconds, action) {
  let timer = 0;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(action, milliseconds);
  };
}

/**
 * Price and plan a request on every chosen model.
 *
 * @param {Object} state
 * @returns {Object[]}
 */
function priced(state) {
  const chosen = chosenModels(state);
  const labels = labelsOf(chosen);
  return chosen.map((model, place) => {
    const widths = widthsAt(model, state.confidence);
    const prices = pricesOn(model, state);
    const told = predict(model, state.input_tokens, state.output_tokens, widths, prices);
    return { model, label: labels[place], widths, prices, told, ...plansOf(model, state, prices) };
  });
}

/** Return the longest answer and the longest prompt; null each without a limit. */
function plansOf(model, state, prices) {
  const { limits, probability, context_tokens: context } = state;
  if (!Object.keys(limits).length) return { answer: null, prompt: null };
  const demand = { limits, probability, context };
  return {
    answer: planOf(model, "output_tokens", state.input_tokens, demand, prices),
    prompt: planOf(model, "input_tokens", state.output_tokens, demand, prices),
  };
}

/** Show a state: tables at once, the rest when the reader pauses. */
function show(state) {
  current.state = state;
  current.shown = priced(state);
  showSummary(input("summary"), current.shown, state);
  showPlans(input("plans"), current.shown, state);
  showRequests(input("requests"), current.shown, state);
  input("link").setAttribute("href", fragmentOf(state));
  showChartsSoon();
  saySoon();
}

const showChartsSoon = later(PAUSE_MS, () => showCharts(current.shown, current.state));
const saySoon = later(SAY_AFTER_MS, () => {
  input("status").textContent = current.shown.map(sentenceOf).join("; ");
});
const keepInAddress = later(PAUSE_MS, () => {
  history.replaceState(null, "", fragmentOf(current.state));
});

/** Say what a request costs on a model, for those who listen. */
function sentenceOf({ label, told, answer }) {
  const energy = told.energy_j === null ? [] : [joules(told.energy_j)];
  const planned = answer === null || answer.refused !== undefined ? [] : [verdictOf(answer)];
  return [`${label}: ${seconds(told.latency_s)}`, ...energy, ...planned].join(", ");
}

/** Read the controls and show what they say. */
function changed() {
  input("problems").textContent = "";
  show(readControls(current.state));
  keepInAddress();
}

/** Show what a link holds; without one, what is shown at first. */
function follow(fragment) {
  const found = stateFrom(fragment) ?? { state: firstState(), problems: [] };
  fillControls(found.state);
  input("problems").textContent = found.problems.join("; ");
  input("more").open = IN_MORE.some((name) => found.state[name] !== FIELDS[name].first);
  show(found.state);
}

/** Follow a slider or a field of tokens with the other. */
function coupled(event) {
  const { name, dataset, value } = event.target;
  if (dataset.slider) {
    const tokens = STOPS[Number(value)];
    input(dataset.slider).value = String(tokens);
    moveSlider(dataset.slider, tokens);
  } else if (name === "input_tokens" || name === "output_tokens") {
    const { value: tokens, problem } = readField(name, value);
    if (problem === null) moveSlider(name, tokens);
  }
}

/** Say shortly that something is done. */
function say(words) {
  input("done").textContent = words;
}

/** Copy the link of what is shown. */
async function copyLink() {
  try {
    await navigator.clipboard.writeText(input("link").href);
    say("Copied.");
  } catch {
    say(NO_CLIPBOARD);
  }
}

/** Give what is shown as a file. */
function saveCsv() {
  const rows = current.shown.map((one) => csvRow(one, current.state, provenance));
  const file = new Blob([BYTE_ORDER_MARK, csvText(rows)], { type: CSV_TYPE });
  const address = URL.createObjectURL(file);
  element("a", { href: address, download: CSV_NAME }).click();
  setTimeout(() => URL.revokeObjectURL(address), SAY_AFTER_MS);
  say(`Saved as ${CSV_NAME}.`);
}

/** Take whatever happens to the controls. */
function listen() {
  const form = input("form");
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", (event) => {
    coupled(event);
    changed();
    if (CONDITIONS.includes(event.target.name)) fillChoices(current.state);
  });
  input("copy").addEventListener("click", copyLink);
  input("csv").addEventListener("click", saveCsv);
  input("reset").addEventListener("click", () => {
    follow("");
    keepInAddress();
  });
  window.addEventListener("hashchange", () => {
    if (location.hash.startsWith(LINK)) follow(location.hash);
  });
}

input("form").hidden = false;
listen();
follow(location.hash);
if (location.hash.startsWith(LINK)) input("form").parentElement.scrollIntoView();

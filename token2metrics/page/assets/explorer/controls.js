/** What a reader types, moves and chooses. */

const STOPS_PER_OCTAVE = 32;
const LONGEST_ON_SLIDER = constants.defaultContextTokens;
const STOPS = sliderStops();

/** Return the counts of a slider: each one to 64, then 32 between a power of two and the next. */
function sliderStops() {
  const places = Array.from({ length: STOPS_PER_OCTAVE }, (_, place) => place);
  const stops = [...places];
  for (let power = STOPS_PER_OCTAVE; power < LONGEST_ON_SLIDER; power *= 2) {
    stops.push(...places.map((place) => power + (place * power) / STOPS_PER_OCTAVE));
  }
  return [...stops, LONGEST_ON_SLIDER];
}

/** Return the place of the last stop that is not above a count. */
const stopOf = (tokens) => Math.max(0, STOPS.findLastIndex((stop) => stop <= tokens));

const input = (name) => document.getElementById(`explorer-${name}`);
const slider = (name) => document.getElementById(`explorer-${name}-slider`);

/** Set a slider to a number of tokens. */
function moveSlider(name, tokens) {
  const moved = slider(name);
  moved.max = String(STOPS.length - 1);
  moved.value = String(stopOf(tokens));
  moved.setAttribute("aria-valuetext", counted(tokens, "token"));
}

/** Fill the controls with a state. */
function fillControls(state) {
  for (const [name, value] of Object.entries(valuesOf(state))) {
    input(name).value = value === null ? "" : String(value);
    markField(name, null);
  }
  for (const name of CONDITIONS) input(name).value = state.conditions[name];
  fillChoices(state);
  for (const name of ["input_tokens", "output_tokens"]) moveSlider(name, state[name]);
}

/** Show the models that fit the chosen conditions. */
function fillChoices(state) {
  const fits = fitting(state);
  const labels = labelsOf(fits);
  const boxes = fits.map((model, place) => {
    const box = element("input", { type: "checkbox", name: "model", value: model.identifier });
    box.checked = state.chosen.includes(model.identifier);
    return element("label", { class: "choice" }, box, element("span", {}, labels[place]));
  });
  const nothing = element("p", { class: "remark" }, "No model was trained for these conditions.");
  input("choices").replaceChildren(...(boxes.length ? boxes : [nothing]));
}

/** Return what models are called: their names, with their conditions where names repeat. */
function labelsOf(some) {
  const names = some.map((model) => model.name);
  return some.map((model) =>
    names.filter((name) => name === model.name).length > 1
      ? `${model.name} on ${conditionsOf(model)}`
      : model.name,
  );
}

/** Say beside a field that its text is no number it takes. */
function markField(name, problem) {
  const field = input(name);
  const id = `explorer-${name}-problem`;
  document.getElementById(id)?.remove();
  if (problem === null) {
    field.removeAttribute("aria-invalid");
    field.removeAttribute("aria-errormessage");
    return;
  }
  field.setAttribute("aria-invalid", "true");
  field.setAttribute("aria-errormessage", id);
  field.parentElement.append(element("p", { class: "problem", role: "alert", id }, problem));
}

/**
 * Read the controls; what cannot be read stays as it was.
 *
 * @param {Object} before The state so far.
 * @returns {Object} The state.
 */
function readControls(before) {
  const values = valuesOf(before);
  for (const name of Object.keys(EVERY_FIELD)) {
    const { value, problem } = readField(name, input(name).value);
    if (problem === null) values[name] = value;
    markField(name, problem);
  }
  const conditions = Object.fromEntries(CONDITIONS.map((name) => [name, input(name).value]));
  return stateOf(values, conditions, readChosen(before));
}

/** Return the chosen models; one that the conditions hide stays chosen. */
function readChosen(before) {
  const boxes = [...input("choices").querySelectorAll("input")];
  const offered = new Set(boxes.map((box) => box.value));
  const hidden = before.chosen.filter((identifier) => !offered.has(identifier));
  const checked = new Set(boxes.filter((box) => box.checked).map((box) => box.value));
  const chosen = new Set([...checked, ...hidden]);
  return models.map((model) => model.identifier).filter((identifier) => chosen.has(identifier));
}

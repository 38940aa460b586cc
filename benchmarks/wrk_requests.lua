-- Sends the bodies of a file in turn, waits between them if asked to, and ends with a line of JSON.

local bodies, place, wait_ms = {}, 0, 0

function init(arguments)
  for body in io.lines(arguments[1]) do
    bodies[#bodies + 1] = wrk.format("POST", nil, {["Content-Type"] = "application/json"}, body)
  end
  wait_ms = tonumber(arguments[2])
end

function request()
  place = place % #bodies + 1
  return bodies[place]
end

function delay()
  return wait_ms
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests":%d,"duration_us":%d,"p50_us":%d,"p99_us":%d,"max_us":%d,' ..
    '"refused":%d,"broken":%d,"late":%d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    latency.max, errors.status, errors.connect + errors.read + errors.write, errors.timeout))
end

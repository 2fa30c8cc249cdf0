-- report - what is wrong with a rule set, and where
--
-- While files are loaded and checked, mistakes are collected, each with file and
-- line, so that one run shows them all. Once rules run, a mistake is an error of
-- that evaluation.

local host = ...
local report = {}

local problems, loading, scans = {}, false, {}
-- mail object of the running evaluation -> its ev. Both weak: the ev lives as
-- long as the walk that holds it, and so nothing is kept of a finished one.
local evaluations = setmetatable({}, { __mode = "kv" })

function report.start() problems, loading = {}, true end
function report.stop() loading = false end
function report.loading() return loading end

-- "file:line: text" taken apart; a text without a place stays whole.
local function parts(text)
  local file, line, rest = tostring(text):match("^([^:\n]+):(%d+):%s*(.*)$")
  if not file then return "", 0, tostring(text) end
  return file, tonumber(line), rest
end

local function note(where, warning, text, ...)
  local file, line = (where .. ":"):match("^([^:\n]+):(%d+):")
  if not file then file, line = where, 0 end
  if select("#", ...) > 0 then text = string.format(text, ...) end
  -- the mark of where the trusted part of a path ends is for those who open it
  local more
  repeat text, more = text:gsub("/%./", "/") until more == 0
  problems[#problems + 1] = { file = file, line = tonumber(line), text = text, warning = warning }
end

-- A mistake at "file:line"; the text is a format if anything follows it.
function report.problem(where, text, ...) note(where, false, text, ...) end
-- Something that works and is probably not meant.
function report.warning(where, text, ...) note(where, true, text, ...) end

-- An error value as a problem.
function report.caught(err, fallback)
  local again = host.again_text(err)
  if again then err = fallback .. ": waits while rules are loaded: " .. again end
  local file, line, text = parts(err)
  if file == "" then file, line = (fallback .. ":0"):match("^([^:]+):(%d+)"); line = tonumber(line) end
  problems[#problems + 1] = { file = file, line = line, text = text, warning = false }
end

-- The error of a rule with its place. A mistake found in our own code has none, and one behind
-- `return path(...)` has the line of ours that called the rule: a tail call leaves no frame.
-- What was called is known. Lua's own complaints about our code stay as they are.
function report.placed(err, where)
  if type(err) ~= "string" or not where then return err end
  local place, text = err:match("^([^:\n]+):%d+: (.*)$")
  if not place then return where .. ": " .. err end
  if not place:find("^mail/") or text:find("^attempt to ") then return err end
  return where .. ": " .. text
end

-- What a function of a rule gives for m.
function report.called(fn, m, where)
  local ok, result = pcall(fn, m)
  if not ok then error(report.placed(result, where), 0) end
  return result
end

-- Runs fn; its error becomes a problem instead of ending the file.
function report.attempt(fn, where)
  local ok, err = pcall(fn)
  if not ok then
    if not loading then error(err, 0) end
    report.caught(err, where or "rules:0")
  end
  return ok
end

function report.scanned(file, scan) scans[file] = scan end

-- The line of one key of the table that begins at `where`, if the text shows it.
function report.key(where, key)
  local file, line = where:match("^(.*):(%d+)$")
  local scan = file and scans[file]
  local lines = scan and scan.lines[tonumber(line)]
  return lines and lines[key] and file .. ":" .. lines[key] or where
end

local function earlier(a, b)
  if a.file ~= b.file then return a.file < b.file end
  if a.line ~= b.line then return a.line < b.line end
  return a.text < b.text
end

-- All problems, once each, in the order of the text.
function report.problems()
  local seen, list = {}, {}
  for _, p in ipairs(problems) do
    local id = p.file .. "\0" .. p.line .. "\0" .. p.text
    if not seen[id] then
      seen[id] = true
      list[#list + 1] = p
    end
  end
  table.sort(list, earlier)
  return list
end

-- ---- the running evaluation

-- From here on ev is what check.NAME and its like are about. Gives the one before.
function report.enter(ev)
  local m = host.current()
  local before = evaluations[m]
  evaluations[m] = ev
  return before
end

function report.leave(before)
  evaluations[host.current()] = before
end

-- The ev of what runs now.
function report.current()
  local m = host.current()
  if not m then error("this can only be asked while a message or a session is handled, not at load", 3) end
  return evaluations[m] or { m = m }
end

return report

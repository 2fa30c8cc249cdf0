-- What specs of rules need of this machine: commands, files, the examples of a page.
local machine = {}

-- What a command printed, without the line ends behind it.
function machine.shell(command)
  local p = assert(io.popen(command))
  local out = p:read "*a"
  p:close()
  return (out:gsub("%s+$", ""))
end

function machine.write(path, text)
  local f = assert(io.open(path, "w"))
  f:write(text)
  f:close()
end

-- { code, line, heading } of each Lua example of a page, in order.
function machine.examples(page)
  local list, heading, code, at, n = {}, "the page itself", nil, 0, 0
  for line in io.lines(page) do
    n = n + 1
    if code and line == "```" then
      list[#list + 1] = { heading = heading, code = table.concat(code, "\n") .. "\n", line = at }
      code = nil
    elseif code then code[#code + 1] = line
    elseif line == "```lua" then code, at = {}, n + 1
    else heading = line:match "^##+ (.*)" or heading end
  end
  return list
end

return machine

-- emit_exim - docs/ref/exim.md: what stands here for each of Exim's expansions
--
-- From the rows of functions that say what they stand for, and the restated rows.

local function entries(tables)
  local list = {}
  for _, row in ipairs(tables.fn) do
    for _, name in ipairs(row.exim or {}) do
      local link = ("[`%s`](functions.md#%s)"):format(row.name, row.name:lower():gsub("%.", ""))
      list[#list + 1] = { name = name, text = link .. (row.feature and ", comes with " .. row.feature or "") }
    end
  end
  for _, row in ipairs(tables.restated) do
    local text = row.as and "`" .. row.as .. "`" or row.feature and "comes with " .. row.feature or "not there: " .. row.never
    list[#list + 1] = { name = row.name, text = text }
  end
  table.sort(list, function(a, b)
    if a.name ~= b.name then return a.name < b.name end
    return a.text < b.text
  end)
  return list
end

return function(tables, made)
  local out = { "# Exim's expansions\n\n", made,
    "\nWhat is written here where a string of Exim's has `${...}`. A vertical bar is written as `¦`.\n" }
  local kind, last
  for _, e in ipairs(entries(tables)) do
    local this, name = e.name:match "^(%S+) (.+)$"
    if this ~= kind then
      out[#out + 1] = ("\n## %ss\n\n| Exim | here |\n|---|---|\n"):format(this == "syntax" and "form" or this)
      kind = this
    end
    out[#out + 1] = ("| %s | %s |\n"):format(e.name == last and "" or "`" .. name .. "`", (e.text:gsub("|", "¦")))
    last = e.name
  end
  return table.concat(out)
end

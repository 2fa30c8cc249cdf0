-- lists: taking an item out of a list
--
-- Exim:  ${filter{a:b:c}{!eq{$item}{b}}}        yields a:c
--
-- The function says which items stay. What comes out has the separator of what went in, and is a table as well.

local function without(items, one)
  return list.filter(items, function(item) return item ~= one end)
end

acl.data {
  warn { add_header = function() return "X-Colons: " .. tostring(without("a:b:c", "b")) end },
  warn { add_header = function() return "X-Semicolons: " .. tostring(without("<; a;b;c", "b")) end },
}

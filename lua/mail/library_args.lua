-- library_args - arguments of what rules call, checked one way
--
-- level is that of error(): 2 is whoever called the function that asks here.

local args = {}

function args.text(value, what, level)
  if type(value) ~= "string" then
    error(string.format("%s must be a text, not %s", what, value == nil and "nil" or "a " .. type(value)), (level or 2) + 1)
  end
  return value
end

-- A whole number between two bounds. NaN is none.
function args.whole(value, what, least, most, level)
  if type(value) ~= "number" or not (value >= least and value <= most) or value ~= math.floor(value) then
    error(string.format("%s must be a whole number from %.14g to %.14g, not %s", what, least, most, tostring(value)), (level or 2) + 1)
  end
  return value
end

function args.callable(value, what, level)
  if type(value) ~= "function" then
    error(string.format("%s must be a function, not %s", what, value == nil and "nil" or "a " .. type(value)), (level or 2) + 1)
  end
  return value
end

return args

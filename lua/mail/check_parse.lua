-- check_parse - a rule file as a tree, with every name bound to where it comes from
--
-- Lua 5.1 as LuaJIT reads it, from text that already compiled. The tree keeps what
-- the check asks about and drops the rest (operators, numbers, the kind of a loop):
--
--   expressions  { k = "string", v = } { k = "local", b = binding, l = line } { k = "global", n =, l = }
--                { k = "index", o =, n = name or nil, e = other key, l = } { k = "call", f =, a = {}, l = }
--                { k = "method", o =, n =, a =, l = } { k = "fn", p = bindings, s = statements, l = , outer = fn }
--                { k = "table", items = { { key = name or nil, e = other key, v =, l = } }, l = }
--                { k = "op", o = sign, e = {} } { k = "const" }
--   statements   { k = "local", b = bindings, e = {} } { k = "assign", t = {}, e = {}, l = }
--                { k = "return", e = {}, l = } { k = "do", e = {}, s = statements }
--   bindings     { n = name, l = line, fn = the function it belongs to, set = { expressions }, param = nth or nil }
--
-- A binding's `set` is all that is ever assigned to it; `false` stands for a value
-- that cannot be followed (a loop's variable, the second result of a call).

local _, use = ...
local tokens = use "tokens"
local check_parse = {}

local DEPTH = 180               -- LuaJIT itself stops at 200

local UNARY = { ["not"] = true, ["-"] = true, ["#"] = true }
local BINARY = {
  ["+"] = true, ["-"] = true, ["*"] = true, ["/"] = true, ["%"] = true, ["^"] = true, [".."] = true, ["=="] = true, ["~="] = true,
  ["<"] = true, ["<="] = true, [">"] = true, [">="] = true, ["and"] = true, ["or"] = true,
}
local KEYWORD = {}
for _, word in ipairs { "and", "break", "do", "else", "elseif", "end", "false", "for", "function", "if", "in", "local", "nil", "not",
                        "or", "repeat", "return", "then", "true", "until", "while" } do KEYWORD[word] = true end
local LAST = { ["end"] = true, ["else"] = true, ["elseif"] = true, ["until"] = true }
local CONST = { k = "const" }

-- The parser of one text: closures over its position keep it short and quick.
function check_parse.read(text)
  local kind, word, line, n = tokens.read(text)
  local at = 1
  local fn, scope, depth                -- the function, the names in reach, how deep

  -- what stands at `at`: a sign or a keyword as itself, else its kind
  local function is(w)
    return word[at] == w and (kind[at] == "sign" or kind[at] == "name" and KEYWORD[w])
  end
  local function accept(w)
    if not is(w) then return false end
    at = at + 1
    return true
  end
  local function expect(w)
    if not accept(w) then error("line " .. tostring(line[at]) .. ": " .. w .. " expected", 0) end
  end
  local function name()
    if kind[at] ~= "name" then error("line " .. tostring(line[at]) .. ": a name expected", 0) end
    at = at + 1
    return word[at - 1]
  end

  -- ---- scopes

  local function open() scope = { up = scope, names = {} } end
  local function close() scope = scope.up end
  local function bind(b) scope.names[b.n] = b return b end
  local function new(text_of, nth) return { n = text_of, l = line[at - 1], fn = fn, set = {}, param = nth } end
  local function find(text_of)
    local s = scope
    while s do
      local b = s.names[text_of]
      if b then return b end
      s = s.up
    end
  end

  -- ---- expressions

  local expression, block, statement

  local function list()
    local out = { expression() }
    while accept(",") do out[#out + 1] = expression() end
    return out
  end

  local function body(l, self)
    local outer = fn
    fn = { k = "fn", p = {}, l = l, outer = outer }
    open()
    if self then fn.p[1] = bind(new("self", 1)) end
    expect("(")
    while not is(")") do
      if not accept("...") then
        local p = name()
        fn.p[#fn.p + 1] = bind(new(p, #fn.p + 1))
      end
      if not accept(",") then break end
    end
    expect(")")
    fn.s = block()
    expect("end")
    close()
    local made = fn
    fn = outer
    return made
  end

  local function table_of(l)
    local items = {}
    while not is("}") do
      local item = { l = line[at] }
      if accept("[") then
        local key = expression()
        expect("]")
        expect("=")
        if key.k == "string" then item.key = key.v else item.e = key end
        item.l = line[at - 1]
      elseif kind[at] == "name" and word[at + 1] == "=" and kind[at + 1] == "sign" then
        item.key = name()
        at = at + 1
      end
      item.v = expression()
      items[#items + 1] = item
      if not accept(",") and not accept(";") then break end
    end
    expect("}")
    return { k = "table", items = items, l = l }
  end

  local function arguments()
    if kind[at] == "string" then
      at = at + 1
      return { { k = "string", v = word[at - 1], l = line[at - 1] } }
    elseif is("{") then
      at = at + 1
      return { table_of(line[at - 1]) }
    end
    expect("(")
    local out = is(")") and {} or list()
    expect(")")
    return out
  end

  local function primary()
    local e
    local l = line[at]
    if accept("(") then
      e = expression()
      expect(")")
    else
      local text_of = name()
      local b = find(text_of)
      e = b and { k = "local", b = b, l = l } or { k = "global", n = text_of, l = l }
    end
    while true do
      l = line[at]
      if accept(".") then e = { k = "index", o = e, n = name(), l = l }
      elseif accept("[") then
        local key = expression()
        expect("]")
        e = { k = "index", o = e, n = key.k == "string" and key.v or nil, e = key, l = l }
      elseif accept(":") then
        local method = name()
        e = { k = "method", o = e, n = method, a = arguments(), l = l }
      elseif kind[at] == "string" or is("(") or is("{") then e = { k = "call", f = e, a = arguments(), l = l }
      else return e end
    end
  end

  local function simple()
    local what, w = kind[at], word[at]
    if what == "string" then
      at = at + 1
      return { k = "string", v = w, l = line[at - 1] }
    elseif what == "number" or is("nil") or is("true") or is("false") or is("...") then
      at = at + 1
      return CONST
    elseif accept("{") then return table_of(line[at - 1])
    elseif accept("function") then return body(line[at - 1])
    end
    return primary()
  end

  -- Which of two operators binds tighter does not matter to anyone here.
  function expression()
    depth = depth + 1
    if depth > DEPTH then error("too deep", 0) end
    while UNARY[word[at]] and kind[at] ~= "string" do at = at + 1 end
    local e = simple()
    if BINARY[word[at]] and kind[at] ~= "string" then
      local parts, sign = { e }, nil
      while BINARY[word[at]] and kind[at] ~= "string" do
        sign = sign == ".." and sign or word[at]
        at = at + 1
        while UNARY[word[at]] and kind[at] ~= "string" do at = at + 1 end
        parts[#parts + 1] = simple()
      end
      e = { k = "op", o = sign, e = parts }
    end
    depth = depth - 1
    return e
  end

  -- ---- statements

  local function note(b, e) b.set[#b.set + 1] = e or false end

  local function local_statement()
    if accept("function") then
      local b = bind(new(name()))
      local made = body(line[at - 1])
      note(b, made)
      return { k = "local", b = { b }, e = { made } }
    end
    local names = { new(name()) }
    while accept(",") do names[#names + 1] = new(name()) end
    local values = accept("=") and list() or {}
    for i, b in ipairs(names) do
      bind(b)
      if values[i] or values[1] then note(b, values[i]) end
    end
    return { k = "local", b = names, e = values }
  end

  local function for_statement()
    local names = { new(name()) }
    while accept(",") do names[#names + 1] = new(name()) end
    if not accept("=") then expect("in") end
    local values = list()
    expect("do")
    open()
    for _, b in ipairs(names) do note(bind(b)) end
    local inner = block()
    close()
    expect("end")
    return { k = "do", e = values, s = inner }
  end

  local function if_statement()
    local out = { k = "do", e = { expression() }, s = nil }
    expect("then")
    local parts = { { k = "do", e = {}, s = block() } }
    while true do
      if accept("elseif") then
        local e = expression()
        expect("then")
        parts[#parts + 1] = { k = "do", e = { e }, s = block() }
      elseif accept("else") then
        parts[#parts + 1] = { k = "do", e = {}, s = block() }
      else break end
    end
    expect("end")
    out.s = parts
    return out
  end

  local function assigned(target, e, l)
    if target.k == "local" then note(target.b, e) end
    target.l = target.l or l
  end

  local function function_statement()
    local l = line[at]
    local first = name()
    local b = find(first)
    local target = b and { k = "local", b = b, l = l } or { k = "global", n = first, l = l }
    local method = false
    while is(".") or is(":") do
      method = word[at] == ":"
      at = at + 1
      target = { k = "index", o = target, n = name(), l = l }
    end
    local made = body(l, method)
    assigned(target, made, l)
    return { k = "assign", t = { target }, e = { made }, l = l }
  end

  local function other()
    local l = line[at]
    local e = primary()
    if not is("=") and not is(",") then return { k = "do", e = { e }, s = {} } end
    local targets = { e }
    while accept(",") do targets[#targets + 1] = primary() end
    expect("=")
    local values = list()
    for i, t in ipairs(targets) do assigned(t, values[i], l) end
    return { k = "assign", t = targets, e = values, l = l }
  end

  local function one_statement()
    local l = line[at]
    if accept("local") then return local_statement() end
    if accept("function") then return function_statement() end
    if accept("if") then return if_statement() end
    if accept("for") then return for_statement() end
    if accept("while") then
      local e = expression()
      expect("do")
      local s = block()
      expect("end")
      return { k = "do", e = { e }, s = s }
    elseif accept("do") then
      local s = block()
      expect("end")
      return { k = "do", e = {}, s = s }
    elseif accept("repeat") then
      open()                            -- its condition sees its locals
      local s = {}
      while not is("until") do s[#s + 1] = statement() end
      expect("until")
      local e = expression()
      close()
      return { k = "do", e = { e }, s = s }
    elseif accept("return") then
      local e = {}
      if at <= n and not is(";") and not (kind[at] == "name" and LAST[word[at]]) then e = list() end
      return { k = "return", e = e, l = l }
    elseif accept(";") or accept("break") then return nil
    elseif accept("::") then
      name()
      expect("::")
      return nil
    elseif word[at] == "goto" and kind[at + 1] == "name" and line[at + 1] == l then
      at = at + 2
      return nil
    end
    return other()
  end

  function statement()
    local l = line[at]
    local s = one_statement()
    if s then s.l = l end
    return s
  end

  function block()
    local out = {}
    open()
    while at <= n and not (kind[at] == "name" and LAST[word[at]]) do
      out[#out + 1] = statement()
    end
    close()
    return out
  end

  depth = 0
  local main = { k = "fn", p = {}, l = 0 }
  fn = main
  main.s = block()
  if at <= n then error("line " .. tostring(line[at]) .. ": the end expected", 0) end
  return main
end

return check_parse

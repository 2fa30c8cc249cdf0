-- Globals are what the sandbox gives to rules; the specs know busted's words.
std = "luajit"
max_line_length = 140
ignore = { "542" }  -- an empty branch with a comment says that nothing is right there
-- What rules see, by name: made from the tables, so that a name nobody knows is found.
local words = dofile "lua/meta/luacheck.lua"
stds.perigee = words
local rules = { "var", "option", "since", "during", unpack(words.read_globals) }
local lists = words.globals
for _, dir in ipairs { "rules", "examples", "modules" } do files[dir .. "/**/*.lua"] = { std = "luajit+perigee" } end
files["examples/**/spec/*.lua"] = { std = "luajit+busted+perigee", ignore = { "143" }, max_line_length = false }
files["lua/meta/**/*.lua"] = { ignore = { ".*" } }
files["lua/mail/**/*.lua"] = { globals = rules, allow_defined_top = true, ignore = { "113", "143", "212" } }
files["lua/gen/**/*.lua"] = { allow_defined_top = true }
files["core/policy/api/**/*.lua"] = { globals = rules }
files["spec/**/*.lua"] = { std = "luajit+busted", ignore = { "143", "212" }, max_line_length = false }
-- The rules the conversations and acceptance specs run under.
files["spec/*/site.lua"] = { read_globals = rules, globals = lists }
files["spec/wire/*.lua"] = { read_globals = rules, globals = lists }

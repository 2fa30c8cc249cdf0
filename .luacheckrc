-- Globals are what the sandbox gives to rules; the specs know busted's words.
std = "luajit"
max_line_length = 140
ignore = { "542" }  -- an empty branch with a comment says that nothing is right there
local rules = { "site", "acl", "accept", "defer", "deny", "discard", "drop", "warn", "demand", "router", "transport", "retry",
  "rewrite", "authenticator", "event", "check", "control", "header", "store", "path", "secret", "lookup", "dns", "verify", "route",
  "redirect", "fail", "pass", "sleep", "log", "var", "option", "since", "during" }
local lists = { "domainlist", "hostlist", "addresslist", "localpartlist" }
files["rules/**/*.lua"] = { read_globals = rules, globals = lists }
files["examples/**/*.lua"] = { read_globals = rules, globals = lists }
files["modules/**/*.lua"] = { read_globals = rules, globals = lists }
files["lua/meta/**/*.lua"] = { ignore = { ".*" } }
files["lua/mail/**/*.lua"] = { globals = rules, allow_defined_top = true, ignore = { "113", "143", "212" } }
files["lua/gen/**/*.lua"] = { allow_defined_top = true }
files["core/policy/api/**/*.lua"] = { globals = rules }
files["spec/**/*.lua"] = { std = "luajit+busted", ignore = { "143", "212" }, max_line_length = false }
-- The rules the conversations and acceptance specs run under.
files["spec/*/site.lua"] = { read_globals = rules, globals = lists }
files["spec/wire/*.lua"] = { read_globals = rules, globals = lists }

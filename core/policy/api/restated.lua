-- Exim's expansions that are no function here: what Lua has for them, what they come with, or why they
-- will not come. Those that are functions say so in their own row (exim = ...).

-- the language itself
restated { name = "syntax variable", as = "m.NAME" }
restated { name = "syntax operator", as = "a function call" }
restated { name = "syntax header", as = "m.header.NAME" }
restated { name = "syntax bheader", as = "m.bheader.NAME" }
restated { name = "syntax lheader", as = "m.lheader.NAME, a list" }
restated { name = "syntax rheader", as = "m.rheader.NAME" }
restated { name = "syntax \\N", as = "[[ ... ]], a text in which nothing is special" }
restated { name = "syntax escapes", as = "the escapes of Lua's strings" }
restated { name = "syntax fail", as = "return nil" }
restated { name = "item if", as = "condition and a or b; if ... then ... else ... end" }
restated { name = "operator expand", never = "text is never code here; call a function" }

-- conditions that are operators of Lua
restated { name = "condition <", as = "a < b" }
restated { name = "condition <=", as = "a <= b" }
restated { name = "condition =", as = "a == b" }
restated { name = "condition ==", as = "a == b" }
restated { name = "condition >", as = "a > b" }
restated { name = "condition >=", as = "a >= b" }
restated { name = "condition and", as = "a and b" }
restated { name = "condition or", as = "a or b" }
restated { name = "condition !", as = "not a" }
restated { name = "condition def", as = "m.NAME ~= nil" }
restated { name = "condition eq", as = "a == b" }
restated { name = "condition ge", as = "a >= b" }
restated { name = "condition gt", as = "a > b" }
restated { name = "condition le", as = "a <= b" }
restated { name = "condition lt", as = "a < b" }
restated { name = "condition gei", as = "a:lower() >= b:lower()" }
restated { name = "condition gti", as = "a:lower() > b:lower()" }
restated { name = "condition lei", as = "a:lower() <= b:lower()" }
restated { name = "condition lti", as = "a:lower() < b:lower()" }
restated { name = "condition first_delivery", as = "m.first_delivery" }
restated { name = "condition queue_running", never = "there are no queue runners: each recipient has its own time" }

-- texts and numbers
restated { name = "item length", as = "s:sub(1, n)" }
restated { name = "item substr", as = "s:sub(from, to)" }
restated { name = "operator length", as = "s:sub(1, n)" }
restated { name = "operator l", as = "s:sub(1, n)" }
restated { name = "operator substr", as = "s:sub(from, to)" }
restated { name = "operator s", as = "s:sub(from, to)" }
restated { name = "operator lc", as = "s:lower()" }
restated { name = "operator uc", as = "s:upper()" }
restated { name = "operator strlen", as = "#s" }
restated { name = "operator eval", as = "Lua's arithmetic" }
restated { name = "operator eval10", as = "Lua's arithmetic" }

-- lists and calls
restated { name = "item acl", as = 'check.acl("NAME", argument, ...)' }
restated { name = "condition acl", as = 'check.acl("NAME", argument, ...)' }
restated { name = "operator listnamed", as = 'a local of the rule file that is given to domainlist.NAME' }
restated { name = "condition match_domain", as = "list.match_domain(domain, LIST), domainlist.NAME:has(domain)" }
restated { name = "condition match_address", as = "list.match_address(address, LIST), addresslist.NAME:has(address)" }
restated { name = "condition match_local_part", as = "list.match_local_part(local_part, LIST), localpartlist.NAME:has(local_part)" }
restated { name = "item lookup", as = "lookup.NAME(...)" }
restated { name = "operator quote_<lookup>", as = "parameters: lookup.NAME(query, { value, ... }) never needs quoting" }

-- what rules cannot reach
restated { name = "item dlfunc", never = "rules load no machine code" }
restated { name = "item perl", never = "there is no Perl in rules; rules are Lua" }
restated { name = "item env", never = "rules have no environment" }
restated { name = "item run", never = "rules run no programs: a pipe transport and the queryprogram router do, and socket.ask asks a service" }
restated { name = "condition pam", never = "PAM blocks and wants root: ask a service such as saslauthd with socket.ask" }
restated { name = "condition radius", never = "the library behind it is gone: ask a service with socket.ask" }
restated { name = "condition saslauthd", as = "socket.ask, or an authenticator that asks a service" }
restated { name = "condition pwcheck", never = "the daemon behind it is gone" }

-- what comes with its own system
restated { name = "condition ldapauth", feature = "the lookups of servers" }
restated { name = "operator utf8_localpart_to_alabel", feature = "internationalised mail" }
restated { name = "operator utf8_localpart_from_alabel", feature = "internationalised mail" }

-- spf - is the client one of those that may send for the sender's domain? (RFC 7208)

local host, use = ...
local site = use "site"
local results = use "results"
local spf = {}

local WORDS = { none = true, neutral = true, pass = true, fail = true, softfail = true, temperror = true, permerror = true,
                invalid = true }
local OLD = { err_temp = "temperror", err_perm = "permerror" }

local function check(m, record)
  return host.spf(m, host.get(m, "primary_hostname") or "", site.option("spf_smtp_comment_template", m) or "",
    site.value("spf_engine"), record)
end

-- A guess is for domains that say nothing, and only for them.
function spf.result(m, guess)
  local result = check(m)
  if guess and result == "none" then return check(m, site.value("spf_guess")) end
  return result
end

local function condition(name, guess)
  return results.condition { name = name, words = WORDS, aliases = OLD, get = function(ev) return spf.result(ev.m, guess) end }
end

spf.compile, spf.compile_guess = condition("spf", false), condition("spf_guess", true)

return spf

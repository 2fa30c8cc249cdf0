-- verify_csa - is this client one its HELO name lets send? (Client SMTP Authorization)
--
-- The name's owner says so with SRV records at _client._smtp.NAME: priority 1 is
-- the version, weight 1 "no host of this name sends mail", weight 2 "these
-- addresses do", weight 3 "it does, wherever it is". A record of a parent domain
-- counts only for bit 0 of its port: "every client below has its own record".
-- Only a definite "no" fails; nothing said is nothing against it.

local host, use = ...
local site = use "site"
local csa = {}

local TEXTS = {
  unknown = { "unknown" }, ok = { "ok" },
  defer_srv = { "defer", "deferred (SRV lookup failed)" },
  defer_addr = { "defer", "deferred (target address lookup failed)" },
  fail_explicit = { "fail", "failed (explicit authorization required)" },
  fail_domain = { "fail", "failed (host name not authorized)" },
  fail_noaddr = { "fail", "failed (no authorized addresses)" },
  fail_mismatch = { "fail", "failed (client address mismatch)" },
}

local PREFIX = "_client._smtp."

-- The names above, from the widest: those of two labels and more, or of an
-- address's network; the top-level domain says nothing.
local function parents(name)
  local limit = site.value("dns_csa_search_limit")
  local root, step = name:match("()%.ip6%.arpa$"), 8
  if not root then root, step = name:match("()%.in%-addr%.arpa$"), nil end
  if not root then root = name:match("()%.[^.]*$") end
  local out = {}
  local at = root or 1
  while #out < limit and at > 1 do
    if step then at = at - step
    else
      local before = name:sub(1, at - 1):match(".*()%.")
      at = before or 0
    end
    if at > 1 then out[#out + 1] = name:sub(at + 1) end
  end
  return out
end

local function version_one(records)
  local out = {}
  for _, rr in ipairs(records) do if rr.preference == 1 then out[#out + 1] = rr end end
  return out
end

-- status, records, whether they are those of a parent
local function search(name)
  local status, records = host.dns("SRV", PREFIX .. name)
  if status ~= "none" then return status, records, false end
  for _, parent in ipairs(parents(name)) do
    status, records = host.dns("SRV", PREFIX .. parent)
    if status == "again" then return "again" end
    for _, rr in ipairs(status == "ok" and version_one(records) or {}) do
      if rr.port % 2 == 1 then return "ok", records, true end
    end
  end
  return "none"
end

local function has_address(target, ip)
  if target == "" or target == "." then return "fail_noaddr" end
  local status, found = host.dns(ip:find(":", 1, true) and "AAAA" or "A", target)
  if status == "again" then return "defer_addr" end
  if status ~= "ok" then return "fail_noaddr" end
  local packed = host.ip_pack(ip)
  for _, rr in ipairs(found) do if host.ip_pack(rr.ip) == packed then return "ok" end end
  return "fail_mismatch"
end

local function judge(name, ip)
  local status, records, of_parent = search(name)
  if status == "again" then return "defer_srv" end
  if status == "none" then return "unknown" end
  for _, rr in ipairs(version_one(records)) do
    if of_parent then return rr.port % 2 == 1 and "fail_explicit" or "unknown" end
    if rr.weight < 2 then return "fail_domain" end
    if rr.weight == 2 then return has_address(rr.target, ip) end
  end
  return "unknown"
end

-- The name to ask about: what the rule says, else HELO, else the address itself; an
-- address is asked about in the reverse DNS.
local function name_of(m, argument)
  local name = argument ~= "" and argument or m.sender_helo_name or m.sender_host_address
  name = name:match("^%[[Ii][Pp][Vv]6:(.*)%]$") or name:match("^%[(.*)%]$") or name
  local packed = host.ip_pack(name)
  if not packed then return name:lower() end
  return site.value("dns_csa_use_reverse") and host.ip_reverse(packed) or nil
end

function csa.test(ev, argument)
  local m = ev.m
  if m.sender_host_address == nil then return true end
  local name = name_of(m, argument)
  local result = name and judge(name, m.sender_host_address) or "unknown"
  local row = TEXTS[result]
  host.fact(m, "csa_status", row[1])
  local text = "client SMTP authorization " .. (row[2] or row[1])
  if row[1] == "defer" then return nil, text end
  return row[1] ~= "fail", text
end

return csa

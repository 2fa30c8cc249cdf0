-- The variables Exim has, against our rows: each name is one of ours, or is refused with a reason.
local TSV = "../shared/reference/variables.tsv"

package.path = "lua/gen/?.lua;" .. package.path
local rows = require "rows"

local function reference()
  local f = io.open(TSV)
  if not f then return nil end
  local list = {}
  f:read()
  for line in f:lines() do
    local name, _, ty, phases = line:match "^([^\t]*)\t([^\t]*)\t([^\t]*)\t([^\t]*)"
    list[#list + 1] = { name = name, type = ty, phases = phases }
  end
  f:close()
  return list
end

-- Patterns of names, and where their like is here.
local FAMILIES = {
  ["1..9 (numeric)"] = "1", ["acl_c*"] = "acl_c_*", ["acl_m*"] = "acl_m_*", ["regex1..regex9"] = "regex1",
  ["header_<name>:"] = "header", ["h_<name>:"] = "header", ["bheader_<name>:"] = "bheader", ["bh_<name>:"] = "bheader",
  ["rheader_<name>:"] = "rheader", ["rh_<name>:"] = "rheader", ["lheader_<name>:"] = "lheader", ["lh_<name>:"] = "lheader",
  ["acl_m_dcc_add_header"] = "acl_m_*", ["acl_m_dcc_override_client_ip"] = "acl_m_*",
}

local OURS = { notsmtp = { "not_smtp" }, quit = { "quit", "notquit" }, router = { "route" } }

-- Where Exim has a value and we have none, and why.
local DIFFER = {
  host = { auth = "what a client of ours says to authenticate is a transport's: phase transport" },
  smtp_notquit_reason = { quit = "a session that ends with QUIT has no reason for the lack of one" },
}
-- Types that differ: Exim's 0 and 1 that mean no and yes are booleans.
local TYPED = { authentication_failed = "boolean", av_failed = "boolean" }

describe("the variables of the reference", function()
  local all, wanted = dofile "spec/api.lua", reference()
  if not wanted then
    pending("are rows of ours (skipped: no " .. TSV .. ")")
    return
  end
  local gone = {}
  for _, row in ipairs(all.gone) do gone[row.name] = row end

  it("are rows of ours, or refused with a reason", function()
    local missing = {}
    for _, v in ipairs(wanted) do
      local name = FAMILIES[v.name] or v.name
      if not (all.var.by[name] or all.family.by[name] or gone[name]) then missing[#missing + 1] = v.name end
    end
    assert.equal("", table.concat(missing, " "))
    assert.is_true(#wanted >= 343)
  end)

  it("have our type for theirs", function()
    local TYPE = { ip = "string", time = "integer", cert = "cert" }
    local wrong = {}
    for _, v in ipairs(wanted) do
      local row = all.var.by[v.name]
      local ty = row and row.type:gsub("%?$", "")
      -- tod_ are texts as Exim prints them
      if row and not v.name:find "^tod_" and ty ~= (TYPED[v.name] or TYPE[v.type] or v.type) then
        wrong[#wrong + 1] = v.name .. " is " .. v.type .. ", not " .. row.type
      end
    end
    assert.equal("", table.concat(wrong, "\n"))
  end)

  it("are known wherever Exim knows them", function()
    local wrong = {}
    for _, v in ipairs(wanted) do
      local row = all.var.by[FAMILIES[v.name] or v.name] or all.family.by[FAMILIES[v.name] or v.name]
      for phase in (v.phases == "all" and table.concat(rows.PHASES, ",") or v.phases):gmatch "[^,]+" do
        for _, ours in ipairs(row and (OURS[phase] or { phase }) or {}) do
          if not rawget(row.phases, ours) and not (DIFFER[v.name] or {})[phase] then wrong[#wrong + 1] = v.name .. " in " .. ours end
        end
      end
    end
    assert.equal("", table.concat(wrong, "\n"))
  end)
end)

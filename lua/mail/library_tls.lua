-- library_tls - numbers about encrypted connections, in words

local _, use = ...
local args = use "library_args"
local tls = {}

-- By the sum of 1 supported, 2 requested, 4 offered, 8 ticket issued, 16 used. Exim's words (_RESUME_DECODE); a sum
-- without 1 is one of an engine that cannot do it.
local RESUMPTION = {
  [1] = "not requested or offered", [3] = "client requested, no server ticket", [7] = "client offered session, no server action",
  [9] = "no client request", [11] = "client requested new ticket, server provided", [13] = "client offered session, not used",
  [15] = "client offered session, server only provided new ticket", [17] = "session resumed unasked", [19] = "session resumed unasked",
  [23] = "session resumed", [25] = "session resumed unasked", [27] = "session resumed unasked", [29] = "session resumed",
  [31] = "session resumed, also new ticket",
}

tls.tls = {
  -- m.tls_in_resumption or m.tls_out_resumption; nil (in clear) stays nil.
  resumption = function(bits)
    if bits == nil then return nil end
    return RESUMPTION[args.whole(bits, "what a session's resumption came to", 0, 31)] or "not supported"
  end,
}

return tls

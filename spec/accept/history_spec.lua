-- F37: smtp_command_history

local world = require "perigee.world"

local NOTE = [[
acl.%s {
  warn { condition = function(m) m.acl_c_history = table.concat(m.smtp_command_history, ",") return true end,
         logwrite = function(m) return "history=" .. m.acl_c_history end },
}
]]

local function new(phase)
  return world.new { rules = { "spec/accept/site.lua" }, lua = NOTE:format(phase) .. "acl.rcpt { accept {} }\n" }
end

describe("smtp_command_history", function()
  it("HIST-T1 holds EHLO,MAIL,RCPT in the rcpt ACL, the command itself included", function()
    local w = new "rcpt"
    local s = w:session {}
    s:mail "a@there.example"
    s:rcpt "b@example.org"
    assert.logged(w, "history=EHLO,MAIL,RCPT")
  end)

  it("HIST-T2 keeps the last twenty commands only", function()
    local w = new "mail"
    local s = w:session {}
    for _ = 1, 30 do s:say "NOOP" end
    s:mail "a@there.example"
    assert.logged(w, "history=" .. ("NOOP,"):rep(19) .. "MAIL")
    assert.is_nil(w:logged("history=" .. ("NOOP,"):rep(20)))
    assert.is_nil(w:logged "EHLO,NOOP")
  end)

  it("HIST-T3 is known in the data ACL", function()
    local w = new "data"
    w:send { to = "b@example.org" }
    assert.logged(w, "history=EHLO,MAIL,RCPT,DATA")
  end)

  it("HIST-T3 is known in the dkim ACL, a run for each signer", function()
    local w = world.new { rules = { "spec/accept/site.lua" }, lua = NOTE:format "dkim" .. [[
      site { dkim_verify_signers = "there.example : elsewhere.example" }
      acl.rcpt { accept {} }]] }
    w:send { to = "b@example.org" }
    assert.logged(w, "history=EHLO,MAIL,RCPT,DATA")
  end)

  it("HIST-T5 shows canonical names for commands in lower case, and leaves unknown ones out", function()
    local w = new "rcpt"
    local s = w:session { helo = false }
    s:say "ehlo client.example"
    s:say "frobnicate"
    s:say "mAiL from:<a@there.example>"
    s:say "rcpt to:<b@example.org>"
    assert.logged(w, "history=EHLO,MAIL,RCPT")
  end)

  it("goes on after RSET", function()
    local w = new "rcpt"
    local s = w:session {}
    s:mail "a@there.example"
    s:rset()
    s:mail "a@there.example"
    s:rcpt "b@example.org"
    assert.logged(w, "history=EHLO,MAIL,RSET,MAIL,RCPT")
  end)
end)

-- conditions: what was true or false as text is true or false
--
-- Exim:  ${if eq{${lookup redis{...}}}{OK}}     with no strings it yields "true", or nothing
--        ${if isip4{$sender_helo_name}}         999.999.999.999 passed once: now numbers count
--        ${sha3_512:text}                       needs a library that has it

acl.helo(function(m)
  m.acl_c_same = m.sender_helo_name == "there.example"
  -- A bare address in HELO is no name: it would stand in brackets.
  if ip.is_v4(m.sender_helo_name) then return deny("550 5.7.1 an address in HELO stands in brackets") end
end)

acl.data {
  warn { add_header = function(m) return "X-Same: " .. tostring(m.acl_c_same) end },
  warn { add_header = function() return "X-SHA3: " .. hash.sha3("", 512):sub(1, 16) end },
}

-- aliases: one address that stands for others
--
-- The file `aliases` beside this one is read anew when it changes; no reload is needed. An address that is not in
-- it goes on to the next router.

router.aliases {
  driver  = "redirect",
  domains = "+local_domains",
  data    = function(m) return lookup.lsearch("aliases", m.local_part) end,
  allow_fail  = true,           -- :fail: text    refuses the address
  allow_defer = true,           -- :defer: text   asks to come back
  -- An alias that names itself goes past this router to the mailbox.
  check_ancestor = true,
}

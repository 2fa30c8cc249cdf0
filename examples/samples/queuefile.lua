-- queuefile: messages are handed to a scanner as files of Exim's spool format
--
-- Exim:  scan:  driver = accept, transport = scan
--        scan:  driver = queuefile, directory = /var/spool/baruwa-scanner/input

router.scan    { driver = "accept", transport = "scan" }
transport.scan { driver = "queuefile", directory = "/var/spool/baruwa-scanner/input" }

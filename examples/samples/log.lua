-- log: times and sizes in the lines of the log
--
-- Exim:  log_selector = +millisec +receive_time +deliver_time +delivery_size
--        RT=0.204s on <= lines, DT=0.304s and S=nnn on => lines

site { log_selector = "+millisec +receive_time +deliver_time +delivery_size" }

-- retry: when a delivery that failed for now is tried again
--
-- Every quarter of an hour for two hours; then after 1 h, 1.5 h, 2.25 h ... up to sixteen hours; then every six hours.
-- After four days the sender gets it back.

retry.rule { "*", "*", "F,2h,15m; G,16h,1h,1.5; F,4d,6h" }

-- retry: the server inside is ours and soon back; the world gets four days

retry.rule { "*@+our_domains", "*", "F,1h,2m; F,4d,15m" }
retry.rule { "*", "*", "F,2h,15m; G,16h,1h,1.5; F,4d,6h" }

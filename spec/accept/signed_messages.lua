-- A message and signatures of it, made by dkimpy: each can stand above it, in any order.
local M = {}

M.text = [[
From: Joe SixPack <joe@example.org>
To: Suzie Q <suzie@example.com>
Subject: Is dinner ready?
Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)
Message-ID: <20030712040037.46341.5F8J@example.org>

Hi.

We lost the game.  Are you hungry yet?

Joe.
]]

M.zone = table.concat({
  "s1._domainkey.example.org. TXT \"v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQC+1mCJLcDPOhaMN5iMQOeACMVU5u4kfaxy6W9RGJbdLLipryIdZ43s2fLI40Isknikh+cwirpN0300+ZHwh+Xx7A4carjTcOz5sf8Aa5NGQo8AtREanyHCgaSDAL4iB1WqcyZGCXaEAAt2nAgGsX5svVZy48MMMGGeVwc4TJNBgQIDAQAB\"",
  "s1._domainkey.a.test. TXT \"v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQC+1mCJLcDPOhaMN5iMQOeACMVU5u4kfaxy6W9RGJbdLLipryIdZ43s2fLI40Isknikh+cwirpN0300+ZHwh+Xx7A4carjTcOz5sf8Aa5NGQo8AtREanyHCgaSDAL4iB1WqcyZGCXaEAAt2nAgGsX5svVZy48MMMGGeVwc4TJNBgQIDAQAB\"",
  "s1._domainkey.b.test. TXT \"v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQC+1mCJLcDPOhaMN5iMQOeACMVU5u4kfaxy6W9RGJbdLLipryIdZ43s2fLI40Isknikh+cwirpN0300+ZHwh+Xx7A4carjTcOz5sf8Aa5NGQo8AtREanyHCgaSDAL4iB1WqcyZGCXaEAAt2nAgGsX5svVZy48MMMGGeVwc4TJNBgQIDAQAB\"",
  "s1._domainkey.c.test. TXT \"v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQC+1mCJLcDPOhaMN5iMQOeACMVU5u4kfaxy6W9RGJbdLLipryIdZ43s2fLI40Isknikh+cwirpN0300+ZHwh+Xx7A4carjTcOz5sf8Aa5NGQo8AtREanyHCgaSDAL4iB1WqcyZGCXaEAAt2nAgGsX5svVZy48MMMGGeVwc4TJNBgQIDAQAB\"",
  "ed._domainkey.a.test. TXT \"v=DKIM1; k=ed25519; p=A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=\"",
  "short._domainkey.example.org. TXT \"v=DKIM1; p=MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAN+abBdAQEwDDGTA6svG4WqiIXwjoR79kymUPlYld3spU+PDUUlSG/R/Rp4Xr5uqIOIEE3tmYAOkgha3fHbj1WcCAwEAAQ==\"",
}, "\n") .. "\n"

M.org = [[
DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.org;
 i=@example.org; q=dns/txt; s=s1; t=1600000000; h=from : to : subject :
 date; bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=WOl8xkAeluzQvWmlR4sx0abhiqE7PI4roBDtR7dIb5LScb7SI8Q8I+KrIH7U/7dBeps9b
 COX3BjiIXZHw8XuoLqQ87zk6XEkVSQeqeLJWzVwXpmB/IxjjRnvlEPKfMNXhNi0BQvuIKpN
 pO0/DU6O7YxX+fmbbC5eP/igwk2xtwI=
]]
M.org_simple = [[
DKIM-Signature: v=1; a=rsa-sha256; c=simple/simple; d=example.org;
 i=@example.org; q=dns/txt; s=s1; t=1600000000; h=from : to : subject :
 date; bh=4bLNXImK9drULnmePzZNEBleUanJCX5PIsDIFoH4KTQ=;
 b=OaQkPlytGIEHIChd6injc9gb0tSstCK8vlnz5OhqLer7nRQ61n9VlLXMCQ7o7TaFjLQl0
 Ma+bdxUP2bxOuhJrZ8WgenI03nbfxqSgGJso1u3odYufJepRfNwNOA9OSvOnYmz8AgSRsMD
 2TWDSgCMPQnhDhJkbB0XTB/mSlwrWuQ=
]]
M.a_rsa = [[
DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=a.test;
 i=@a.test; q=dns/txt; s=s1; t=1600000000; h=from : to : subject :
 date; bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=QGHq2mZLK34J5uINVg9l6eZtCdRtxAUycaO0jWZA9Son4lcXqj9lfTS0/+5XIlYFr97N+
 PbFg3a+vXudgYqMrevCotiibpjRqoXCHcKe8/u+xcfINvD3KKyUN6KRBXGgP9nBp45q2nH/
 NaMn2OJgS9C8+X2yEkcvvH9J6QTa4S8=
]]
M.a_ed = [[
DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed; d=a.test;
 i=@a.test; q=dns/txt; s=ed; t=1600000000; h=from : to : subject :
 date; bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=K3nWuw+9etXUxw1+4Jog2UBYaH8G9Tq62xx/vUwCi8LTods1EoBCQDwdDHKiZ5p+uLFjY
 jUgzkoKF3+TRib3Bg==
]]
M.b_rsa = [[
DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=b.test;
 i=@b.test; q=dns/txt; s=s1; t=1600000000; h=from : to : subject :
 date; bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=s6QENH2pHRARahjALp3iqe2yNRlAUxv/UNuGMpKGVorKoabkZgUK1zN1gWwFrhJplg+7Y
 qb2A9BxZJBYGFTkOwGEjgz7LR7OoD0e9AKGJWqge0uHe/kjeJAowNqnRJyP+FtmCvPQDbpV
 WJxxHcY5bWEyb0za5Bqe9Bef29C2baQ=
]]
M.c_rsa = [[
DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=c.test;
 i=@c.test; q=dns/txt; s=s1; t=1600000000; h=from : to : subject :
 date; bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=lPG6Y5mVwHyPfYlD7Mk6Fuhx1loUbPOomfoWK8h30y/zs7YiEGdPkKgWAfbYr3rUUjWSj
 jZviEodSb56pi2tjUJXQVyzTHEidhewZheg1zb8f5JLScOH/N7TkXTydkxoChHaYlRu29Vf
 7lHkCRexu8mGBZXxKbuO/j3HPs2MENk=
]]
M.identity = [[
DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=a.test;
 i=joe@sub.a.test; q=dns/txt; s=s1; t=1600000000; h=from : to : subject
 : date; bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=j1GOW/+GelT6cZ5TCR+WwvFDL71LO/ig+/PZYF22OdMB0Igb2asS/iR6ErZp/YTg85SDA
 pfnwldKO+8SFRZqLqeXh1Eg8nNjYpR5MMZFFKFszgiBUI9oKLSuyKSjjCxjwoIk/xvea62m
 nGRjmzXNRXaaam8X3ADWVAZ5xxIeHo0=
]]
M.short = [[
DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.org;
 i=@example.org; q=dns/txt; s=short; t=1600000000; h=from : to :
 subject : date; bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=267W12hAVVLjAaLO+EkHeqLAlw/heRur/Dwa9KuWDhK06QOvFDNowSP3DUs/jkp//DUc9
 PjoK/567wIyvprpng==
]]
M.length = [[
DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.org;
 i=@example.org; l=54; q=dns/txt; s=s1; t=1600000000; h=from : to :
 subject : date; bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=DEALyu/yMXei1mJoSRm33UqfKohCGv3BDsGYH8h6DK/XlgNIQd3RLj0MaM/aO0AKAt5Sx
 y2x0GfxQvxjc149Rmo/KwJn1Cq0+FdqPkOU7FuE0R6ymvkeosS0UppssmDOpiu7hysvxNm9
 DbfY8u2GXitBpUKiKrqS9Jwaz62F94w=
]]
M.sha1 = [[
DKIM-Signature: v=1; a=rsa-sha1; c=relaxed/relaxed; d=example.org;
 i=@example.org; q=dns/txt; s=s1; t=1600000000; h=from : to : subject :
 date; bh=yk6W9pJJilr5MMgeEdSd7J3IaJI=;
 b=WHk2jg0J3ijvKuBIESri7JcQzHcHbPAav1Web8UQ1/AroRBbFkOUIMgQkQys2N2JiNlp/
 DpZ+SB/7tGIWQ/PTA9xtNAg9Z/kDkE1uaGS4E4m4HUJvB+YVnwLjYlelKQCCLcZb3oqEiO9
 02nLp7MvPemRAY8rx1pPKFrE2/VMvhE=
]]

-- The message under these signatures, the first on top.
function M.with(...) return table.concat({ ... }) .. M.text end
-- The same signature with another b=: well formed, and nobody's.
function M.broken(signature)
  return (signature:gsub("b=([%w+/=%s]+)$", function(b) return "b=" .. b:gsub("^(%s*)(....)", "%1AAAA") end))
end

return M

-- library_crypto - digests, codes made with a key, kept passwords
--
-- Digests are lower-case hex.

local host, use = ...
local args = use "library_args"
local words = use "words"
local library = {}

local check = args.text

local hash = {}
library.hash = hash
for name, digest in pairs { md5 = "md5", sha1 = "sha1", sha224 = "sha224", sha256 = "sha256", sha384 = "sha384", sha512 = "sha512" } do
  hash[name] = function(value) return host.digest(digest, check(value, "what is hashed")) end
end

local SHA3 = { [224] = true, [256] = true, [384] = true, [512] = true }
function hash.sha3(value, bits)
  if bits == nil then bits = 256 end
  if not SHA3[bits] then error("hash.sha3: there are 224, 256, 384 and 512 bits, not " .. tostring(bits), 2) end
  return host.digest("sha3-" .. string.format("%d", bits), check(value, "what is hashed"))
end

-- ---- with a key

local HMAC = { md5 = "md5", sha1 = "sha1", sha224 = "sha224", sha256 = "sha256", sha384 = "sha384", sha512 = "sha512" }

-- "{MD5}" and "{SHA1}" are hex or base64 of the bare digest, everything else is crypt(3)'s.
local BARE = { md5 = 16, sha1 = 20, sha = 20, sha256 = 32, sha512 = 64 }

local function unhex(hex) return (hex:gsub("..", function(pair) return string.char(tonumber(pair, 16)) end)) end

local function bare_digest(name, password, kept)
  local made = host.digest(name == "sha" and "sha1" or name, password)
  if #kept == 2 * BARE[name] then return host.same(made, kept:lower()) end
  local raw = host.base64_decode(kept)
  return raw ~= nil and host.same(raw, unhex(made))
end

library.crypto = {
  hmac = function(digest, key, value)
    local name = HMAC[check(digest, "the digest")]
    if not name then error(string.format('crypto.hmac: there is no digest "%s"%s', digest, words.meant(digest, HMAC)), 2) end
    return host.hmac(name, check(key, "the key"), check(value, "the text"))
  end,
  -- Compares in a time that does not tell where two texts differ.
  same = function(a, b) return host.same(check(a, "a text"), check(b, "a text")) end,
  -- Is this the password? kept: "$y$...", "$6$...", "{sha256}hex or base64", "{crypt}..."
  password = function(password, kept)
    check(password, "the password")
    local scheme, rest = check(kept, "the kept password"):match("^{(%w+)}(.*)$")
    scheme = scheme and scheme:lower()
    if scheme and BARE[scheme] then return bare_digest(scheme, password, rest) end
    if scheme and scheme ~= "crypt" then
      error(string.format("crypto.password: there is no scheme {%s}; md5, sha1, sha256, sha512 and crypt are there", scheme), 2)
    end
    local same = host.crypt_same(password, rest or kept)
    if same == nil then error("crypto.password: crypt(3) knows no scheme of this kind (is it a password in clear?)", 2) end
    return same
  end,
}

return library

-- The tables of core/policy/api, all of them, as the generator reads them.
local files, p = {}, assert(io.popen "ls core/policy/api/*.lua")
for path in p:lines() do files[#files + 1] = path end
p:close()
return dofile("lua/gen/rows.lua").read(files)

-- lookup.lua FOLDER|IMAGE ZONE|- NOW KEY...: as lookup.c; for LuaJIT, as rspamd has it.
local rblmap = require("rblmap")

local function fail(what, text)
    io.stderr:write(text or what, "\n")
    os.exit(2)
end

local path, zone, now = arg[1], arg[2] ~= "-" and arg[2] or nil, tonumber(arg[3])
local list, text = rblmap.open(path, zone)
if not list then
    fail(path, text)
end
local _, _, status = rblmap.open(path, zone, { subzone = "no-such-zone" })
assert(status == rblmap.NO_ZONE)
local freshness = list:freshness(now)
if freshness == rblmap.STALE then
    io.stderr:write("stale: the mirror is late\n")
end
for index = 4, #arg do
    local key = arg[index]
    local listed, why, code = list:lookup(key)
    if listed == nil and code ~= rblmap.KEY then
        fail(key, why)
    elseif listed == nil then
        io.stderr:write(key, ": ", why, "\n")
        print(key .. " neither an address nor a name")
    elseif freshness >= rblmap.EXPIRED then
        print(key .. " expired")
    elseif not listed then
        print(key .. " not listed")
    else
        print(key .. " listed " .. (list:render("554 5.7.1 ") or ""))
    end
end
list:close()

-- lookup.lua FOLDER|IMAGE ZONE|- NOW KEY...: as lookup.c; for LuaJIT, as rspamd has it.
local ffi = require("ffi")
ffi.cdef [[
typedef struct rblmap_list rblmap_list;
typedef struct rblmap_reader rblmap_reader;
const char *rblmap_strerror(int status);
int rblmap_open(const char *path, const char *zone, uint32_t flags, rblmap_list **out);
int rblmap_close(rblmap_list **list);
int rblmap_reader_new(rblmap_list *list, const char *zone, rblmap_reader **out);
int rblmap_reader_free(rblmap_reader **reader);
int rblmap_freshness(rblmap_reader *reader, size_t index, uint64_t now, int *out);
int rblmap_lookup_text(rblmap_reader *reader, const char *address, uint64_t *listed);
int rblmap_lookup_name(rblmap_reader *reader, const char *name, uint64_t *listed);
int rblmap_render(rblmap_reader *reader, const char *prefix, char *buffer, size_t len, size_t *need);
]]
local lib = ffi.load(os.getenv("RBLMAP_LIBRARY") or "librblmap.so.0")

local function check(what, status)
    if status ~= 0 then
        io.stderr:write(what, ": ", ffi.string(lib.rblmap_strerror(status)), "\n")
        os.exit(2)
    end
end

local path, zone, now = arg[1], arg[2] ~= "-" and arg[2] or nil, tonumber(arg[3])
local list, reader = ffi.new("rblmap_list *[1]"), ffi.new("rblmap_reader *[1]")
local listed, freshness = ffi.new("uint64_t[1]"), ffi.new("int[1]")
local line = ffi.new("char[511]")
check(path, lib.rblmap_open(path, zone, 0, list))
assert(lib.rblmap_reader_new(list[0], "no-such-zone", reader) == 5)
check(path, lib.rblmap_reader_new(list[0], nil, reader))
check("freshness", lib.rblmap_freshness(reader[0], 0, now, freshness))
if freshness[0] == 1 then
    io.stderr:write("stale: the mirror is late\n")
end
for index = 4, #arg do
    local key = arg[index]
    local status = lib.rblmap_lookup_text(reader[0], key, listed)
    if status == 4 then
        status = lib.rblmap_lookup_name(reader[0], key, listed)
    end
    check(key, status)
    if freshness[0] >= 2 then
        print(key .. " expired")
    elseif listed[0] == 0 then
        print(key .. " not listed")
    else
        status = lib.rblmap_render(reader[0], "554 5.7.1 ", line, 511, nil)
        print(key .. " listed " .. (status == 0 and ffi.string(line) or ""))
    end
end
lib.rblmap_reader_free(reader)
lib.rblmap_close(list)

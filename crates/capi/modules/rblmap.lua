--- Looks mail clients up in block list images: librblmap for LuaJIT, as rspamd has it.
--
--     local rblmap = require("rblmap")
--     local list = assert(rblmap.open("/var/lib/rblmap", "ops.example"))
--     if list:freshness(os.time()) < rblmap.EXPIRED and list:lookup("192.0.2.1") then
--         print(list:render("554 5.7.1 "))
--     end
--
-- What is not closed is closed when it is collected. A list belongs to one Lua state.
local ffi = require("ffi")

ffi.cdef [[
typedef struct rblmap_list rblmap_list;
typedef struct rblmap_reader rblmap_reader;
const char *rblmap_strerror(int status);
int rblmap_last_error(char *buffer, size_t len, size_t *need);
int rblmap_open(const char *path, const char *zone, uint32_t flags, rblmap_list **out);
int rblmap_close(rblmap_list **list);
int rblmap_refresh(rblmap_list *list, int *changed);
int rblmap_reader_new(rblmap_list *list, const char *zone, rblmap_reader **out);
int rblmap_reader_free(rblmap_reader **reader);
int rblmap_freshness(rblmap_reader *reader, size_t index, uint64_t now, int *out);
int rblmap_lookup(rblmap_reader *reader, const char *text, size_t len, uint64_t *listed,
                  size_t words);
int rblmap_render(rblmap_reader *reader, const char *prefix, char *buffer, size_t len,
                  size_t *need);
]]
local lib = ffi.load(os.getenv("RBLMAP_LIBRARY") or "librblmap.so.0")

local rblmap = {
    FRESH = 0, STALE = 1, EXPIRED = 2, RETIRED = 3, WAITING = 4,
    KEY = 4, NO_ZONE = 5,
}
local List = {}
List.__index = List

local function reason(status)
    local text = ffi.new("char[1025]")
    if lib.rblmap_last_error(text, 1025, nil) == 0 then
        return ffi.string(text)
    end
    return ffi.string(lib.rblmap_strerror(status))
end

-- C ends a string at a NUL, Lua does not.
local function c_string(text, what)
    if text ~= nil and text:find("\0", 1, true) then
        error(what .. " with a NUL in it", 3)
    end
    return text
end

--- Opens a zone in a mirror's folder or, with zone nil, an image by its path.
-- options: copy = true, wait = true, subzone = NAME. Gives a list, or nil, a text and a status.
function rblmap.open(path, zone, options)
    options = options or {}
    local flags = (options.copy and 1 or 0) + (options.wait and 2 or 0)
    local list, reader = ffi.new("rblmap_list *[1]"), ffi.new("rblmap_reader *[1]")
    local status = lib.rblmap_open(c_string(path, "path"), c_string(zone, "zone"), flags, list)
    if status ~= 0 then
        return nil, reason(status), status
    end
    status = lib.rblmap_reader_new(list[0], c_string(options.subzone, "subzone"), reader)
    if status ~= 0 then
        local text = reason(status)
        lib.rblmap_close(list)
        return nil, text, status
    end
    return setmetatable({
        list = ffi.gc(list, lib.rblmap_close),
        reader = ffi.gc(reader, lib.rblmap_reader_free),
        listed = ffi.new("uint64_t[1]"),
        number = ffi.new("int[1]"),
        line = ffi.new("char[511]"),
    }, List)
end

--- Whether answers count at a time in seconds since 1970: rblmap.FRESH to rblmap.WAITING.
function List:freshness(now)
    local status = lib.rblmap_freshness(self.reader[0], 0, now, self.number)
    if status ~= 0 then
        return nil, reason(status), status
    end
    return self.number[0]
end

--- Whether an address or a name is listed; nil, a text and a status if it is neither.
function List:lookup(text)
    local status = lib.rblmap_lookup(self.reader[0], text, #text, self.listed, 1)
    if status ~= 0 then
        return nil, reason(status), status
    end
    return self.listed[0] ~= 0
end

--- The reply line for what the last lookup found, in printable ASCII; nil if there is no text.
function List:render(prefix)
    local status = lib.rblmap_render(self.reader[0], c_string(prefix, "prefix"), self.line, 511, nil)
    return status == 0 and ffi.string(self.line) or nil
end

--- Looks for a new image at once; whether there was one, or nil, a text and a status.
function List:refresh()
    local status = lib.rblmap_refresh(self.list[0], self.number)
    if status ~= 0 then
        return nil, reason(status), status
    end
    return self.number[0] ~= 0
end

--- Gives the list up before it is collected. Closing twice does nothing.
function List:close()
    lib.rblmap_reader_free(self.reader)
    lib.rblmap_close(self.list)
end

return rblmap

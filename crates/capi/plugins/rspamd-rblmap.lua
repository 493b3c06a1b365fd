-- rblmap in rspamd: LuaJIT's FFI on librblmap. A lookup is a few reads of mapped memory, so nothing
-- waits in rspamd's event loop.
--
-- In /etc/rspamd/rspamd.local.lua:     dofile("/usr/share/rblmap/rspamd-rblmap.lua")
-- In /etc/rspamd/rspamd.conf.local:
--   rblmap {
--     RBLMAP_OPS { path = "/var/lib/rblmap"; zone = "ops.example"; score = 6.0; }
--   }
-- A path with a zone is a mirror's folder, without one an image. Who has logged in is not asked for:
-- own customers send from addresses of which lists say that they shall not send.

local logger = require "rspamd_logger"
local has_ffi, ffi = pcall(require, "ffi")
if not has_ffi then
  logger.errx(rspamd_config, "rblmap: this Lua has no FFI; use rspamd's module rbl over DNS")
  return
end

ffi.cdef [[
typedef struct rblmap_list rblmap_list;
typedef struct rblmap_reader rblmap_reader;
int rblmap_open(const char *path, const char *zone, uint32_t flags, rblmap_list **out);
int rblmap_refresh(rblmap_list *list, int *changed);
int rblmap_reader_new(rblmap_list *list, const char *zone, rblmap_reader **out);
int rblmap_freshness(rblmap_reader *reader, size_t index, uint64_t now, int *out);
int rblmap_lookup_text(rblmap_reader *reader, const char *address, uint64_t *listed);
int rblmap_render(rblmap_reader *reader, const char *prefix, char *buffer, size_t len, size_t *need);
const char *rblmap_strerror(int status);
]]
local OK, EXPIRED = 0, 2
local REFRESH = 5.0

local options = rspamd_config:get_all_opt("rblmap") or {}
local library = options.library or "librblmap.so.0"
local loaded, lib = pcall(ffi.load, library)
if not loaded then
  logger.errx(rspamd_config, "rblmap: %1 cannot be loaded: %2", library, lib)
  return
end

local STATES = { [2] = "expired", [3] = "the list was given up" }

-- Says once why a list has no opinion, until the reason is another.
local function tell(list, reason)
  if list.told ~= reason and reason then
    logger.errx(rspamd_config, "rblmap: %1: %2: no opinion", list.path, reason)
  end
  list.told = reason
end

local fresh = ffi.new("int[1]")

-- Whether a list counts today.
local function counts(list)
  local now = ffi.cast("uint64_t", os.time())
  if lib.rblmap_freshness(list.reader[0], 0, now, fresh) ~= OK then return false end
  tell(list, STATES[fresh[0]])
  return fresh[0] < EXPIRED
end

-- Opens a list; what is missing now is tried again at every refresh.
local function open(list)
  local handle, reader = ffi.new("rblmap_list *[1]"), ffi.new("rblmap_reader *[1]")
  local status = lib.rblmap_open(list.path, list.zone, 0, handle)
  if status == OK then status = lib.rblmap_reader_new(handle[0], nil, reader) end
  if status == OK then
    list.handle, list.reader = handle, reader
    counts(list)
  else
    tell(list, ffi.string(lib.rblmap_strerror(status)))
  end
end

local listed, text = ffi.new("uint64_t[1]"), ffi.new("char[512]")

local function check(list, task)
  local ip = task:get_from_ip()
  if not list.reader or not ip or not ip:is_valid() or task:get_user() then return end
  if not counts(list) then return end
  if lib.rblmap_lookup_text(list.reader[0], ip:to_string(), listed) ~= OK or listed[0] == 0 then return end
  local said = lib.rblmap_render(list.reader[0], nil, text, 512, nil) == OK
  task:insert_result(list.symbol, 1.0, said and ffi.string(text) or nil)
end

local lists = {}
for symbol, options_of in pairs(options) do
  if type(options_of) == "table" and options_of.path then
    local list = { symbol = symbol, path = options_of.path, zone = options_of.zone }
    table.insert(lists, list)
    rspamd_config:register_symbol {
      name = symbol,
      type = "normal",
      score = tonumber(options_of.score) or 5.0,
      group = "rbl",
      description = "The client is listed in " .. (list.zone or list.path),
      callback = function(task) check(list, task) end,
    }
  end
end
if #lists == 0 then logger.warnx(rspamd_config, "rblmap: no list is configured") end

rspamd_config:add_on_load(function(_, ev_base, _)
  for _, list in ipairs(lists) do open(list) end
  rspamd_config:add_periodic(ev_base, REFRESH, function()
    for _, list in ipairs(lists) do
      if list.handle then lib.rblmap_refresh(list.handle[0], nil) else open(list) end
    end
    return true
  end)
end)

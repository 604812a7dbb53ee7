-- Appends entries to one log and publishes them. All keys share a slot.
-- KEYS: log (also the channel), fence
-- ARGV: epoch (0 = unfenced), max length, log ttl ms, fence ttl ms, append key, "1" on a retry,
--       last id this writer knows of ("" = none), "1" if the job of the fence ends with this, then per entry: type,
--       data, end ("1" or "0")
-- Returns {verdict, id of the last entry written}; verdict is ok, fenced or ended.
local log, fencekey = KEYS[1], KEYS[2]
local epoch, key, known = tonumber(ARGV[1]), ARGV[5], ARGV[7]

-- The fence is the highest epoch, with a mark once its run has ended.
local fence, over = string.match(redis.call('GET', fencekey) or '0', '^(%d+)(!?)$')
fence, over = tonumber(fence), over == '!'
if epoch > 0 and fence > epoch then return {'fenced', ''} end

local function field(entry, name)
  for i = 1, #entry[2], 2 do
    if entry[2][i] == name then return entry[2][i + 1] end
  end
end
local function split(id)
  local ms, seq = string.match(id, '^(%d+)-(%d+)$')
  return tonumber(ms), tonumber(seq)
end

local last = redis.call('XREVRANGE', log, '+', '-', 'COUNT', 1)[1]

-- The outcome of the attempt before is unknown: it may have been written. Bounded to what can have come since.
if ARGV[6] == '1' and last then
  local upto = '+'
  for _ = 1, 32 do
    local page = redis.call('XREVRANGE', log, upto, '-', 'COUNT', 64)
    for _, entry in ipairs(page) do
      if field(entry, 'k') == key then return {'ok', entry[1]} end
    end
    if #page < 64 then break end
    local ms, seq = split(page[#page][1])
    if seq < 1 then break end
    upto = string.format('%.0f-%.0f', ms, seq - 1)
  end
end

-- In a user's stream only the fence knows that the job is over.
if over and epoch > 0 and epoch == fence then return {'ended', ''} end

local ms, seq = 0, 0
if last then ms, seq = split(last[1]) end
local fresh = not last
local now = redis.call('TIME')
if last and field(last, 'e') == '1' then
  if epoch <= fence then return {'ended', last[1]} end
  fresh = true -- rerun: the new run has a log of its own
end
local lost = not last and known ~= ''
local kms, kseq = 0, 0
if known ~= '' then
  kms, kseq = split(known)
  -- Redis came back with an older copy: its tail was seen by readers, so its numbers must not be given out again.
  if last and kms == ms and kseq > seq then lost = true end
  fresh = fresh or lost
end

if fresh then
  if last then redis.call('DEL', log) end
  -- Above whatever was used before, also when the clock went back.
  ms = math.max(tonumber(now[1]) * 1000 + math.floor(tonumber(now[2]) / 1000), ms + 1, kms + 1)
  seq = lost and 1 or 0 -- a log that doesn't start with 1 tells its readers that the beginning is missing
end

local stamp = string.format('%.0f', tonumber(now[1]) * 1000000 + tonumber(now[2]))
local id = ''
local n = #ARGV
for i = 9, n, 3 do
  seq = seq + 1
  id = string.format('%.0f-%.0f', ms, seq)
  local args = {'XADD', log, 'MAXLEN', '~', ARGV[2], id, 't', ARGV[i], 'd', ARGV[i + 1]}
  if ARGV[i + 2] == '1' then args[#args + 1] = 'e'; args[#args + 1] = '1' end
  if i == n - 2 then args[#args + 1] = 'k'; args[#args + 1] = key end
  redis.call(unpack(args))
  redis.call('PUBLISH', log, id .. ' ' .. ARGV[i + 2] .. ' ' .. ARGV[i] .. ' ' .. stamp .. '\n' .. ARGV[i + 1])
end
redis.call('PEXPIRE', log, ARGV[3])
if epoch > 0 then redis.call('SET', fencekey, ARGV[1] .. (ARGV[8] == '1' and '!' or ''), 'PX', ARGV[4]) end
return {'ok', id}

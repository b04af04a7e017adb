-- Flow samples of an sFlow version 5 datagram: sampled headers, each with its own rate.
local bytes = require("bytes")

local sflow = {}

local sub = string.sub
local u32 = bytes.u32

local MAX_SAMPLES, MAX_RECORDS = 256, 64

-- Whether a UDP payload begins as an sFlow v5 datagram does.
function sflow.begins(s)
  return sub(s, 1, 7) == "\0\0\0\5\0\0\0" and (sub(s, 8, 8) == "\1" or sub(s, 8, 8) == "\2")
end

local function header_record(s, at, length, rate, samples, agent)
  local protocol, frame_length, stripped, size = u32(s, at), u32(s, at + 4), u32(s, at + 8),
    u32(s, at + 12)
  -- Header protocol 1 is Ethernet; 11 and 12 are IPv4 and IPv6 without a link layer.
  if not size or size + 16 > length or size < 1 or protocol > 15 then
    return
  end
  samples[#samples + 1] = {
    index = #samples + 1, rate = rate, length = frame_length, stripped = stripped,
    protocol = protocol, header = sub(s, at + 16, at + 15 + size), offset = at + 15, agent = agent,
  }
end

-- The sampled headers of a datagram, or nil where its structure is not sFlow's. A sample: index,
-- rate (one in so many), length of the frame on the wire, header, agent (raw address).
function sflow.samples(s)
  if not sflow.begins(s) then
    return nil
  end
  local address_size = s:byte(8) == 1 and 4 or 16
  local agent = sub(s, 9, 8 + address_size)
  local at = 9 + address_size
  -- Sub-agent, sequence number, uptime, number of samples.
  local count = u32(s, at + 12)
  if not count or count > MAX_SAMPLES then
    return nil
  end
  at = at + 16
  local samples = {}
  for _ = 1, count do
    local kind, length = u32(s, at), u32(s, at + 4)
    if not length or at + 7 + length > #s then
      -- Cut short, or not sFlow at all.
      break
    end
    local body, stop = at + 8, at + 7 + length
    if kind == 1 or kind == 3 then
      local expanded = kind == 3
      local rate = u32(s, body + (expanded and 12 or 8))
      local records_at = body + (expanded and 40 or 28)
      local records = u32(s, records_at)
      records_at = records_at + 4
      for _ = 1, math.min(records or 0, MAX_RECORDS) do
        local format, size = u32(s, records_at), u32(s, records_at + 4)
        if not size or records_at + 7 + size > stop then
          break
        end
        if format == 1 and rate and rate > 0 then
          header_record(s, records_at + 8, size, rate, samples, agent)
        end
        records_at = records_at + 8 + size
      end
    end
    at = stop + 1
  end
  return samples
end

return sflow

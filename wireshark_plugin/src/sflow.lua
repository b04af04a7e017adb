-- Reads an sFlow version 5 datagram: sampled headers, each with its own rate, and counters.
local bytes = require("bytes")

local sflow = {}

local byte, sub = string.byte, string.sub
local u32 = bytes.u32

local MAX_SAMPLES, MAX_RECORDS = 256, 64
-- An sflow_data type of enterprise 0 is its last byte; those above 1 byte are not read.
local FLOW, COUNTERS, EXPANDED_FLOW, EXPANDED_COUNTERS, DISCARDED = 1, 2, 3, 4, 5

-- Whether a UDP payload begins as an sFlow v5 datagram does.
function sflow.begins(s)
  local head = sub(s, 1, 8)
  return head == "\0\0\0\5\0\0\0\1" or head == "\0\0\0\5\0\0\0\2"
end

-- Generic interface counters: ifIndex, octets as two halves (64 bits are more than a double
-- holds), packets of all kinds.
local function interface(s, at)
  local packets_in = u32(s, at + 32) + u32(s, at + 36) + u32(s, at + 40)
  local packets_out = u32(s, at + 64) + u32(s, at + 68) + u32(s, at + 72)
  return u32(s, at), u32(s, at + 24), u32(s, at + 28), packets_in, u32(s, at + 56),
    u32(s, at + 60), packets_out
end

local function counters(s, at, stop, expanded, log)
  local first = at + (expanded and 12 or 8)
  local records = u32(s, first)
  if not records or first + 3 > stop then
    return false
  end
  at = first + 4
  for _ = 1, records < MAX_RECORDS and records or MAX_RECORDS do
    local format, size = u32(s, at), u32(s, at + 4)
    if not size or at + 7 + size > stop then
      return false
    end
    if format == 1 and size >= 88 then
      log:interface(interface(s, at + 8))
    end
    at = at + 8 + size
  end
  return true
end

local sample = {}

local function be16(n)
  return string.char(math.floor(n / 256) % 256, n % 256)
end

-- A packet of which an agent tells fields and not the header (sFlow v5, sampled_ipv4 and
-- sampled_ipv6), as a header of its own that holds them; sequence numbers are not among them.
-- Returns the header and its protocol (11: IPv4, 12: IPv6), and the packet's length.
local function fields(s, at, format, size)
  local length, protocol = u32(s, at), u32(s, at + 4)
  local address = format == 3 and 4 or 16
  if size < 16 + address * 2 or not length or length > 65535 or protocol > 255 then
    return nil
  end
  local hosts, after = sub(s, at + 8, at + 7 + address * 2), at + 8 + address * 2
  local from, to, flags = u32(s, after), u32(s, after + 4), u32(s, after + 8) % 256
  local ports = be16(from % 65536) .. be16(to % 65536)
  local transport = protocol == 6 and ports .. ("\0"):rep(8) .. "\80" .. string.char(flags)
    or ports .. ("\0"):rep(4)
  if format == 3 then
    return "\69\0" .. be16(length) .. "\0\0\0\0\64" .. string.char(protocol) .. "\0\0" .. hosts
      .. transport, 11, length
  end
  local payload = length > 40 and length - 40 or 0
  return "\96\0\0\0" .. be16(payload) .. string.char(protocol, 64) .. hosts .. transport, 12, length
end

-- Where a flow sample was taken: its source, and the interfaces that its packet came in and went out
-- by (nil where they are not interfaces).
local function place(s, body, expanded)
  if expanded then
    sample.source = u32(s, body + 8)
    sample.input = u32(s, body + 24) == 0 and u32(s, body + 28) or nil
    sample.output = u32(s, body + 32) == 0 and u32(s, body + 36) or nil
  else
    sample.source = u32(s, body + 4) % 16777216
    sample.input, sample.output = u32(s, body + 20), u32(s, body + 24)
  end
end

-- Reads a datagram s of `room` bytes on the wire. take(sample) gets each sampled header: index,
-- rate (one in so many), length of the frame on the wire, stripped bytes of it, protocol, header,
-- agent (raw address); the table is the same each time. log, where there is one, is told of
-- everything else (see sflowlog.lua). may_show(s, at), where there is one, says of the Ethernet frame
-- at `at` in s whether it is wanted at all. Returns how many headers there were, or nil where the
-- structure is not sFlow's.
function sflow.read(s, take, log, room, may_show)
  if not sflow.begins(s) then
    return nil
  end
  local size = #s
  local at = byte(s, 8) == 1 and 13 or 25
  -- Sub-agent, sequence number, uptime, number of samples.
  local count = u32(s, at + 12)
  if not count or count > MAX_SAMPLES then
    return nil
  end
  local agent = sub(s, 9, at - 1)
  if log and not log:datagram(agent, u32(s, at), u32(s, at + 4), u32(s, at + 8)) then
    -- Captured twice.
    return 0
  end
  at = at + 16
  local index, complete = 0, 0
  sample.agent = agent
  for _ = 1, count do
    local k1, k2, k3, kind, l1, l2, l3, l4 = byte(s, at, at + 7)
    if not l4 then
      break
    end
    local stop = at + 7 + ((l1 * 256 + l2) * 256 + l3) * 256 + l4
    if stop > size then
      break
    end
    local fine = true
    if k1 + k2 + k3 > 0 then
      kind = 0
    end
    if kind == FLOW or kind == EXPANDED_FLOW then
      local expanded = kind == EXPANDED_FLOW
      local body = at + 8
      local rate_at = body + (expanded and 12 or 8)
      local r1, r2, r3, r4 = byte(s, rate_at, rate_at + 3)
      local records_at = body + (expanded and 40 or 28)
      local _, _, high, records = byte(s, records_at, records_at + 3)
      fine = records_at + 3 <= stop and high == 0 and records <= MAX_RECORDS
      if fine then
        local rate = ((r1 * 256 + r2) * 256 + r3) * 256 + r4
        if log then
          log:flow(s, body, expanded, rate)
        end
        local headers, told_at, told_format, told_size, frame_size = 0, nil, nil, nil, nil
        place(s, body, expanded)
        records_at = records_at + 4
        for _ = 1, records do
          -- Format and size; of a sampled header protocol, length, stripped and size of the header.
          local f1, f2, f3, f4, z1, z2, z3, z4, _, _, _, protocol, n1, n2, n3, n4, _, _, p1, p2,
            h1, h2, h3, h4 = byte(s, records_at, records_at + 23)
          local record = z4 and ((z1 * 256 + z2) * 256 + z3) * 256 + z4
          if not record or records_at + 7 + record > stop then
            fine = false
            break
          end
          if f4 == 1 and f3 == 0 and f2 == 0 and f1 == 0 then
            local captured = h4 and ((h1 * 256 + h2) * 256 + h3) * 256 + h4
            if not captured or captured + 16 > record or captured < 1 or protocol > 15 then
              fine = false
            elseif rate > 0 then
              index, headers = index + 1, headers + 1
              -- Header protocol 1 is Ethernet; 11 and 12 are IPv4 and IPv6 without a link layer.
              if not may_show or protocol ~= 1 or may_show(s, records_at + 24, sample) then
                local length = ((n1 * 256 + n2) * 256 + n3) * 256 + n4
                sample.index, sample.rate, sample.protocol, sample.stripped = index, rate, protocol,
                  p1 * 256 + p2
                sample.length = length
                sample.fields_only = false
                sample.header = sub(s, records_at + 24, records_at + 23 + captured)
                if log then
                  log:header(rate, length)
                end
                take(sample)
              end
            end
          end
          if f3 == 0 and f2 == 0 and f1 == 0 and (f4 == 3 or f4 == 4) then
            told_at, told_format, told_size = records_at + 8, f4, record
          elseif f4 == 2 and f3 == 0 and f2 == 0 and f1 == 0 and record >= 4 then
            frame_size = u32(s, records_at + 8)
          end
          records_at = records_at + 8 + record
        end
        if fine and headers == 0 and told_at and rate > 0 then
          local header, protocol, length = fields(s, told_at, told_format, told_size)
          if header then
            index, headers = index + 1, 1
            sample.index, sample.rate, sample.protocol, sample.stripped = index, rate, protocol, 0
            -- As a sampled frame would be told: with its Ethernet header and checksum.
            sample.length = frame_size and frame_size >= length and frame_size or length + 18
            sample.header, sample.fields_only = header, true
            if log then
              log:header(rate, sample.length)
            end
            take(sample)
          end
        end
        if log and headers == 0 then
          log:unused(rate)
        end
      end
    elseif log and (kind == COUNTERS or kind == EXPANDED_COUNTERS) then
      fine = counters(s, at + 8, stop, kind == EXPANDED_COUNTERS, log)
    elseif log then
      log:other(kind == DISCARDED and "of a discarded packet" or "of another kind")
    end
    if fine then
      complete = complete + 1
    end
    at = stop + 1
  end
  if log and complete < count then
    log:damaged(size < room)
  end
  if complete == 0 and count > 0 and index == 0 then
    return nil
  end
  return index
end

return sflow

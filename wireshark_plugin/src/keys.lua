-- A connection's key: source address, destination address, source port, destination port, as on the
-- wire, and behind them, where there are several connections of these four, a mark of two bytes.
local keys = {}

local byte, sub = string.byte, string.sub

-- The bytes of an address in a key.
local function address_size(key)
  return #key >= 36 and 16 or 4
end

-- The key of the other direction.
function keys.swap(key)
  if #key >= 36 then
    return sub(key, 17, 32) .. sub(key, 1, 16) .. sub(key, 35, 36) .. sub(key, 33, 34)
      .. sub(key, 37)
  end
  return sub(key, 5, 8) .. sub(key, 1, 4) .. sub(key, 11, 12) .. sub(key, 9, 10) .. sub(key, 13)
end

-- Address and port, raw, of the source or (not `first`) the destination.
function keys.half(key, first)
  local size = address_size(key)
  local ports = size * 2 + 1
  if first then
    return sub(key, 1, size), sub(key, ports, ports + 1)
  end
  return sub(key, size + 1, size * 2), sub(key, ports + 2, ports + 3)
end

-- The key without its mark, and the number of the mark: 1 where there is none.
function keys.plain(key)
  local size = address_size(key) * 2 + 4
  if #key == size then
    return key, 1
  end
  local high, low = byte(key, size + 1, size + 2)
  return sub(key, 1, size), high * 256 + low
end

return keys

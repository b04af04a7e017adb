-- Networks in CIDR notation, and those that are local where nobody says otherwise.
local bytes = require("bytes")

local networks = {}

-- Raw address and length of a prefix in text, or nil.
function networks.parse(text)
  local address, length = text:match("^(.-)/(%d+)$")
  local raw = address and bytes.parse_address(address)
  length = tonumber(length)
  if not raw or length > #raw * 8 then
    return nil
  end
  return raw, length
end

function networks.holds(raw, length, address)
  if #raw ~= #address then
    return false
  end
  local whole = math.floor(length / 8)
  if raw:sub(1, whole) ~= address:sub(1, whole) then
    return false
  end
  local bits = length % 8
  if bits == 0 then
    return true
  end
  local unit = 2 ^ (8 - bits)
  return math.floor(raw:byte(whole + 1) / unit) == math.floor(address:byte(whole + 1) / unit)
end

local LOCAL = {}
for _, text in ipairs(require("local_networks")) do
  LOCAL[#LOCAL + 1] = { networks.parse(text) }
end

function networks.is_local(raw)
  for _, network in ipairs(LOCAL) do
    if networks.holds(network[1], network[2], raw) then
      return true
    end
  end
  return false
end

return networks

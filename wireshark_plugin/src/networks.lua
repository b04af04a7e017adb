-- Networks in CIDR notation, and those that Zeek counts as local.
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

-- Site::private_address_space of Zeek 8.0, the 6to4 forms of the IPv4 networks left out.
local LOCAL = {}
for text in ([[0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12
  192.0.0.0/24 192.0.2.0/24 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24
  224.0.0.0/24 239.0.0.0/8 240.0.0.0/4 ::/128 ::1/128 64:ff9b:1::/48 100::/64 2001::/23
  2001:2::/48 2001:db8::/32 fc00::/7 fe80::/10 fec0::/10]]):gmatch("%S+") do
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

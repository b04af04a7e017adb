-- The hospital's own knowledge of its equipment: a Zeek log with match, name, role, modality, site.
local bytes = require("bytes")
local networks = require("networks")

local inventory = {}
inventory.__index = inventory

local ROLE = {
  pacs = true, modality = true, workstation = true, worklist = true, printer = true,
  gateway = true, other = true,
}

local function unescape(text)
  return (text:gsub("\\([x\\])(%x?%x?)", function(kind, h)
    if kind == "\\" then
      return "\\" .. h
    end
    return #h == 2 and string.char(tonumber(h, 16)) or nil
  end))
end

-- Adds a network, or one address, that is the site's own; returns what is wrong with it, if anything.
local function add_local(self, match)
  local raw, length = networks.parse(match)
  if not raw then
    raw = bytes.parse_address(match)
    length = raw and #raw * 8
  end
  if not raw then
    return "the role local is for addresses and networks, not for " .. bytes.escape(match)
  end
  self.locals[#self.locals + 1] = { raw, length }
  return nil
end

-- Adds one line; returns what is wrong with it, if anything.
local function add(self, columns, values)
  local row = {}
  for i, name in ipairs(columns) do
    local value = values[i]
    if not value then
      return "expected " .. #columns .. " columns, found " .. #values
    end
    row[name] = value ~= "-" and value ~= "" and unescape(value) or nil
  end
  if #values > #columns then
    return "expected " .. #columns .. " columns, found " .. #values
  elseif not row.match then
    return "no address, network, MAC or ae:TITLE in the column match"
  elseif row.role == "local" then
    return add_local(self, row.match)
  elseif not row.role or not ROLE[row.role] then
    return "unknown role " .. bytes.escape(row.role or "-")
  end
  local entry = { name = row.name and bytes.escape(row.name), role = row.role }
  local title = row.match:match("^ae:(.+)$")
  local raw = bytes.parse_address(row.match)
  local mac = bytes.parse_mac(row.match)
  local network, length = networks.parse(row.match)
  if title then
    self.by_title[title] = entry
  elseif raw then
    self.by_address[raw] = entry
  elseif mac then
    self.by_mac[mac], self.has_mac = entry, true
  elseif network then
    self.networks[#self.networks + 1] = { network, length, entry }
  else
    return "neither address, network, MAC nor ae:TITLE: " .. bytes.escape(row.match)
  end
  return nil
end

-- Reads an inventory out of an iterator over lines. complain(line_number, problem) is called once
-- for each line that cannot be used; the others are used.
function inventory.read(lines, complain)
  local self = setmetatable({ by_address = {}, by_mac = {}, by_title = {}, networks = {},
    locals = {} }, inventory)
  local columns, number = { "match", "name", "role", "modality", "site" }, 0
  for line in lines do
    number = number + 1
    line = line:gsub("\r$", "")
    local values = {}
    for value in (line .. "\t"):gmatch("(.-)\t") do
      values[#values + 1] = value
    end
    if values[1] == "#fields" then
      columns = values
      table.remove(columns, 1)
    elseif line ~= "" and line:sub(1, 1) ~= "#" then
      local problem = add(self, columns, values)
      if problem then
        complain(number, problem)
      end
    end
  end
  table.sort(self.networks, function(x, y) return x[2] > y[2] end)
  return self
end

-- The entry of a host: address before MAC before AE title before the longest network.
function inventory:find(address, mac, title)
  local entry = self.by_address[address] or mac and self.by_mac[mac]
    or title and self.by_title[title]
  if entry then
    return entry
  end
  for _, network in ipairs(self.networks) do
    if networks.holds(network[1], network[2], address) then
      return network[3]
    end
  end
  return nil
end

-- Whether the inventory says that an address is the site's own.
function inventory:is_local(address)
  for _, network in ipairs(self.locals) do
    if networks.holds(network[1], network[2], address) then
      return true
    end
  end
  return false
end

return inventory

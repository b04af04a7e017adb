-- Zeek's ASCII log format (TSV with #fields and #types), as Zeek's own writer puts it.
local bytes = require("bytes")

local zeeklog = {}
zeeklog.__index = zeeklog

local concat, find, format, gsub = table.concat, string.find, string.format, string.gsub

-- Escapes raw bytes for a field.
local function text(s)
  if s == "-" then
    return "\\x2d"
  elseif s == "(empty)" then
    return "\\x28empty)"
  elseif find(s, "[\0-\31\\\127-\255]") then
    return bytes.escape(s)
  end
  return s
end
zeeklog.text = text

local function set(values)
  if not values or #values == 0 then
    return "-"
  end
  local out = {}
  for i, value in ipairs(values) do
    out[i] = gsub(text(value), ",", "\\x2c")
  end
  return concat(out, ",")
end

local function vector(values)
  local out = {}
  for i, value in ipairs(values) do
    out[i] = format("%d", value)
  end
  return concat(out, ",")
end

local WRITE = {
  time = function(v) return format("%.6f", v) end,
  interval = function(v) return format("%.6f", v) end,
  double = function(v) return format("%.17g", v) end,
  string = text,
  addr = text,
  count = function(v) return format("%d", v) end,
  port = function(v) return format("%d", v) end,
  bool = function(v) return v and "T" or "F" end,
  ["set[string]"] = set,
  ["vector[count]"] = vector,
}

-- out:write(text) takes the log. fields: { { name, type }, ... }
function zeeklog.new(out, path, fields)
  local names, types, writers = {}, {}, {}
  for i, field in ipairs(fields) do
    names[i], types[i], writers[i] = field[1], field[2], WRITE[field[2]]
  end
  out:write("#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\t",
    path, "\n#open\t", os.date("!%Y-%m-%d-%H-%M-%S"), "\n#fields\t", concat(names, "\t"),
    "\n#types\t", concat(types, "\t"), "\n")
  return setmetatable({ out = out, fields = fields, writers = writers, rows = 0 }, zeeklog)
end

-- row: values by field name.
function zeeklog:write(row)
  local line = {}
  for i, field in ipairs(self.fields) do
    local value = row[field[1]]
    if value == nil then
      line[i] = "-"
    else
      line[i] = self.writers[i](value)
    end
  end
  self.rows = self.rows + 1
  self.out:write(concat(line, "\t"), "\n")
end

function zeeklog:close()
  self.out:write("#close\t", os.date("!%Y-%m-%d-%H-%M-%S"), "\n")
  self.out:close()
end

return zeeklog

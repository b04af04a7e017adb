-- Which of the plugin's fields this run can show. `tshark -T fields` builds every field that a
-- plugin adds, asked for or not, and most of the plugin's cost would be that. Where the operating
-- system tells the command line (Linux), fields that it does not name are left out.
local command_line = {}

-- Columns of Wireshark itself: they show none of our fields.
local PLAIN_COLUMN = {
  Info = true, Protocol = true, Source = true, Destination = true, Time = true, Length = true,
  Number = true, ["No."] = true,
}

-- arguments: the command line as a list. Returns a function (abbreviation) -> boolean, or nil
-- where every field may be needed.
function command_line.fields(arguments)
  local fields_mode = false
  for i, argument in ipairs(arguments) do
    if argument == "-Tfields" or (argument == "-T" and arguments[i + 1] == "fields") then
      fields_mode = true
    elseif argument:find("^%-[VOP]") or argument:find("^%-%-color") or argument:find("$", 1, true)
      or argument:find("^%-C") then
      return nil
    end
    for column in argument:gmatch("_ws%.col%.([%w_.]+)") do
      if not PLAIN_COLUMN[column] then
        return nil
      end
    end
  end
  if not fields_mode then
    return nil
  end
  local line = table.concat(arguments, "\n")
  return function(abbreviation)
    return line:find(abbreviation, 1, true) ~= nil
  end
end

-- The capture that is read, or nil for a live one.
function command_line.capture(arguments)
  for i, argument in ipairs(arguments) do
    if argument == "-r" or argument == "--read-file" then
      return arguments[i + 1]
    end
    local path = argument:match("^%-r(.+)$") or argument:match("^%-%-read%-file=(.+)$")
    if path then
      return path
    end
  end
  return nil
end

-- The arguments in which a filter or a field can stand.
local function asking(arguments)
  local i = 0
  return function()
    repeat
      i = i + 1
      local argument, before = arguments[i], arguments[i - 1]
    until not argument or not (before == "-X" or argument:find("^%-X") or before == "-r"
      or before == "-w")
    return arguments[i]
  end
end

-- Whether anything but the script's own arguments names the plugin: a filter or a field.
function command_line.names_plugin(arguments)
  for argument in asking(arguments) do
    if argument:find("pacsflow", 1, true) then
      return true
    end
  end
  return false
end

-- Whether anything names the protocol itself and not only fields of it.
function command_line.names_protocol(arguments)
  for argument in asking(arguments) do
    if (argument .. " "):find("pacsflow[^.]") then
      return true
    end
  end
  return false
end

-- Whether every frame is dissected once, and only to print its fields.
function command_line.one_pass(arguments)
  for _, argument in ipairs(arguments) do
    if argument:find("^%-[2RYzw]") or argument:find("^%-%-r") then
      return false
    end
  end
  return true
end

-- The command line of this process, or nil where the system does not tell it.
function command_line.read()
  local file = io.open("/proc/self/cmdline", "rb")
  local text = file and file:read(131072)
  if file then
    file:close()
  end
  if not text or text == "" then
    return nil
  end
  local arguments = {}
  for argument in text:gmatch("([^\0]*)\0") do
    arguments[#arguments + 1] = argument
  end
  return arguments
end

return command_line

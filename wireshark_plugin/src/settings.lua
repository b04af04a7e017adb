-- What a run of the plugin is told: by arguments (-X lua_script1:name=value), by the environment
-- (PACSFLOW_NAME), which is how programs call, or by Wireshark's preferences.
local settings = {}

local arguments = {}
local preferences = {}

function settings.read(...)
  for _, argument in ipairs({ ... }) do
    local name, value = tostring(argument):match("^([%w_]+)=(.*)$")
    if name then
      arguments[name] = value
    end
  end
end

function settings.register(proto)
  preferences = proto.prefs
  preferences.inventory = Pref.string("Inventory", "",
    "A Zeek log with the columns match, name, role, modality and site")
  preferences.sampling_rate = Pref.uint("Sampling rate", 0,
    "The frames of this capture are samples, one in so many; 0: they are all")
  preferences.lookahead = Pref.uint("Frames to look ahead", 10000,
    "Frames read beforehand, so that those before the evidence are tagged too; 0: none")
end

local PREFERENCE = { inventory = true, sampling_rate = true, lookahead = true }

function settings.get(name)
  local value = arguments[name] or os.getenv("PACSFLOW_" .. name:upper())
  if value and value ~= "" then
    return value
  end
  if PREFERENCE[name] then
    value = preferences[name]
    if value ~= "" and value ~= 0 then
      return value
    end
  end
  return nil
end

function settings.number(name)
  return tonumber(settings.get(name) or 0) or 0
end

function settings.complain(text)
  io.stderr:write("pacsflow: ", text, "\n")
  if gui_enabled() then
    report_failure("pacsflow: " .. text)
  end
end

return settings

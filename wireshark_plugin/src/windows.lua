-- The windows under Tools > PACS flow and the tables of `tshark -q -z pacsflow,NAME`.
local stats = require("stats")

local windows = {}

-- A slash would open a submenu: the division slash looks the same.
local MENU = {
  associations = "Associations", endpoints = "PACS endpoints", io = "Input\226\136\149output per PACS",
  talkers = "Top talkers", operations = "Operations", times = "Response times",
}

-- Characters that a line of a window holds as it opens; a longer one would be wrapped.
local WIDTH = 92

-- The first group of columns that has a column.
local function page_of(groups, column)
  for page, group in ipairs(groups) do
    for _, i in ipairs(group) do
      if i == column then
        return page
      end
    end
  end
  return 1
end

local function build(name, trackers)
  local tab = stats.build(name, trackers())
  stats.sort(tab, tab.sort, name == "associations")
  return tab
end

local function open(name, trackers)
  local tab = build(name, trackers)
  local window = TextWindow.new("PACS flow: " .. tab.title)
  local column, ascending, page = tab.sort, name == "associations", 1
  local function show()
    local groups = stats.groups(tab, WIDTH)
    page = (page - 1) % #groups + 1
    local rest = #groups > 1 and ("\nColumns " .. page .. " of " .. #groups
      .. ": the button Columns shows the others, Copy takes all.") or ""
    window:set("Sorted by " .. tab.columns[column] .. ". " .. #tab.rows .. (#tab.rows == 1 and " row." or " rows.") .. rest .. "\n\n"
      .. stats.text(tab, true, groups[page]))
  end
  window:add_button("Columns", function()
    page = page + 1
    show()
  end)
  window:add_button("Next column", function()
    column, ascending = column % #tab.columns + 1, false
    stats.sort(tab, column, ascending)
    page = page_of(stats.groups(tab, WIDTH), column)
    show()
  end)
  window:add_button("Reverse", function()
    ascending = not ascending
    local rows, n = tab.rows, #tab.rows
    for i = 1, math.floor(n / 2) do
      rows[i], rows[n + 1 - i] = rows[n + 1 - i], rows[i]
    end
    show()
  end)
  window:add_button("Filter row...", function()
    new_dialog("Show the frames of a row", function(text)
      local row = tab.rows[tonumber(text) or 0]
      if row then
        set_filter(row.filter)
        apply_filter()
      end
    end, "Row")
  end)
  window:add_button("Filter first row", function()
    if tab.rows[1] then
      set_filter(tab.rows[1].filter)
      apply_filter()
    end
  end)
  window:add_button("Copy", function()
    copy_to_clipboard(stats.tsv(tab))
  end)
  window:add_button("Refresh", function()
    tab = build(name, trackers)
    stats.sort(tab, column, ascending)
    show()
  end)
  show()
end

-- trackers: a function that returns the list of what there is to count.
function windows.register(trackers, flush)
  for _, name in ipairs(stats.NAMES) do
    if gui_enabled() then
      register_menu("PACS flow/" .. MENU[name], function()
        open(name, trackers)
      end, MENU_TOOLS_UNSORTED)
    else
      register_stat_cmd_arg("pacsflow," .. name, function()
        local tap = Listener.new("frame")
        function tap.packet() end
        function tap.reset() end
        function tap.draw()
          flush()
          local tab = build(name, trackers)
          print("\n" .. tab.title)
          io.write(stats.text(tab))
        end
      end)
    end
  end
end

return windows

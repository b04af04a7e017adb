-- What Lua 5.2 (Wireshark 4.0, 4.2) and 5.4 (4.4 on) both know, and what Wireshark adds.
std = "lua52+lua54"
max_line_length = false
-- The bundle is made of src, which is checked.
exclude_files = { "wireshark_plugin/pacsflow.lua" }
only = { "1" }
files["wireshark_plugin/src"] = {
  read_globals = {
    "bit", "get_version", "gui_enabled", "register_filehandler", "register_menu", "register_postdissector",
    "register_stat_cmd_arg", "new_dialog", "set_filter", "apply_filter", "copy_to_clipboard", "retap_packets",
    "Dissector", "DissectorTable", "Field", "FileHandler", "Listener", "Pref", "Proto", "ProtoExpert",
    "ProtoField", "TextWindow", "TreeItem", "Tvb", "ByteArray", "UInt64", "Address", "NSTime", "base", "expert",
    "frametype", "ftypes", "report_failure", "set_plugin_info", "DESEGMENT_ONE_MORE_SEGMENT", "MENU_TOOLS_UNSORTED",
    "PI_PROTOCOL", "PI_NOTE", "PI_WARN", "PI_CHAT", "PI_MALFORMED", "PI_SECURITY", "PI_UNDECODED",
  },
}

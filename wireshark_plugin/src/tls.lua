-- Associations inside TLS, where Wireshark can decrypt it: whole PDUs out of the plain bytes, on
-- port 2762 and wherever a TLS stream begins as an association does.
local pdu = require("pdu")

local tls = {}

-- take(bytes): is given each PDU once, in order.
function tls.register(take)
  local proto = Proto("pacsflow_tls", "PACS flow (DICOM in TLS)")
  local dicom

  function proto.dissector(tvb, pinfo, tree)
    dicom = dicom or Dissector.get("dicom")
    local at, size = 0, tvb:len()
    while at < size do
      if size - at < 6 then
        pinfo.desegment_offset, pinfo.desegment_len = at, DESEGMENT_ONE_MORE_SEGMENT
        return size
      end
      local kind, length = tvb(at, 1):uint(), tvb(at + 2, 4):uint() + 6
      if kind < 1 or kind > 7 or length > pdu.MAX_BODY then
        return at
      elseif size - at < length then
        pinfo.desegment_offset, pinfo.desegment_len = at, length - (size - at)
        return size
      end
      if not pinfo.visited then
        take(tvb:raw(at, length))
      end
      dicom:call(tvb(at, length):tvb(), pinfo, tree)
      at = at + length
    end
    return size
  end

  -- Streams on other ports that began as an association does.
  local known = {}
  function proto.init()
    known = {}
  end

  local ports = DissectorTable.get("tls.port")
  if ports then
    ports:add(2762, proto)
  end
  local heuristics = DissectorTable.heuristic_list()
  for _, name in ipairs(heuristics) do
    if name == "tls" then
      proto:register_heuristic("tls", function(tvb, pinfo, tree)
        local size = tvb:len()
        local source = tostring(pinfo.src) .. " " .. pinfo.src_port
        local destination = tostring(pinfo.dst) .. " " .. pinfo.dst_port
        if not known[source .. destination] then
          if size < 10 or tvb(0, 1):uint() ~= 1
            or not pdu.can_begin(tvb:raw(0, size < 128 and size or 128)) then
            return false
          end
          known[source .. destination], known[destination .. source] = true, true
        end
        proto.dissector(tvb, pinfo, tree)
        return true
      end)
    end
  end
end

return tls

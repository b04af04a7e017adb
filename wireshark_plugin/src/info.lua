-- What Wireshark says of a frame (its Info column), cut down to forms that hold nothing of what the
-- frame carried. Any dissector may write there (a URL, a user's name, the Error Comment of a DICOM
-- response), whatever protocol the frame is called after: so only known forms pass, and of a text
-- the part in front that has one.

local info = {}

local find, sub = string.find, string.sub

local TITLE = "[%w_%-%.][%w_%-%. ]*"
local ADDRESS, NAMED = "[%x%.:]+", "[%a%-, ]+"
local SEGMENT = { first = "^%d+ [^%w%s]+ %d+ %[[%u, ]+%]", more = { "^ %u[%a]*=%d+", "^ SACK_PERM" } }
-- Status and comment of a response stand in parentheses, and are left out.
local MESSAGES = {
  first = "^P%-DATA",
  more = { "^, [CN]%-%u+%-R%u+ ID=%d+", "^, [CN]%-%u+%-R%u+%-DATA", "^, PDV Fragment" },
}
local TLS = {
  "Application Data", "Client Hello", "Server Hello Done", "Server Hello", "Change Cipher Spec",
  "Encrypted Handshake Message", "Encrypted Extensions", "Encrypted Alert", "Certificate Request",
  "Certificate Verify", "Certificate", "Server Key Exchange", "Client Key Exchange",
  "New Session Ticket", "Finished", "Continuation Data", "Ignored Unknown Record", "Hello Request",
}

local function all(words, before)
  local out = {}
  for i = 1, #words do
    out[i] = before .. words[i]
  end
  return out
end

local RECORDS = { first = all(TLS, "^"), more = all(TLS, "^, ") }
local FORMS = {
  TCP = { SEGMENT },
  UDP = { { first = "^%d+ [^%w%s]+ %d+ Len=%d+" } },
  DICOM = {
    SEGMENT, MESSAGES, { first = "^A%-ASSOCIATE request " .. TITLE .. "%-%-> " .. TITLE },
    { first = "^A%-ASSOCIATE %l+  " .. TITLE .. "<%-%- " .. TITLE },
    { first = "^A%-RELEASE %l+" }, { first = "^ABORT " .. TITLE .. "%-%-> " .. TITLE },
  },
  ARP = {
    { first = "^Who has " .. ADDRESS .. "%? Tell " .. ADDRESS },
    { first = "^" .. ADDRESS .. " is at " .. ADDRESS },
    { first = "^ARP Announcement for " .. ADDRESS }, { first = "^Gratuitous ARP for " .. ADDRESS },
  },
  ICMP = {
    { first = "^Echo %(ping%) %l+  id=0x%x+, seq=%d+/?%d*" },
    { first = "^Destination unreachable %(" .. NAMED .. "%)" },
    { first = "^Time%-to%-live exceeded %(" .. NAMED .. "%)" },
  },
  ICMPv6 = {
    { first = "^Echo %(ping%) %l+ id=0x%x+, seq=%d+" }, { first = "^Packet Too Big" },
    { first = "^Neighbor %a+ for " .. ADDRESS }, { first = "^Neighbor Advertisement" },
    { first = "^Router %a+" }, { first = "^Multicast Listener Report Message v2" },
  },
  IGMP = { { first = "^Membership %a+" } },
  sFlow = { { first = "^V%d, agent " .. ADDRESS } },
  STP = { { first = "^%u*%. ?Root = [%d/%x:]+  Cost = %d+  Port = 0x%x+" } },
  NTP = { { first = "^NTP Version %d, %a+" } },
}
for _, version in ipairs({ "SSL", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3" }) do
  FORMS[version] = { RECORDS }
end

for _, forms in pairs(FORMS) do
  for _, form in ipairs(forms) do
    form.first = type(form.first) == "string" and { form.first } or form.first
  end
end

-- Return the place of the last octet of what stands at `first` in one of the patterns, or nil.
local function ending(text, first, patterns)
  for i = 1, #patterns do
    local _, last = find(text, patterns[i], first)
    if last then
      return last
    end
  end
end

-- Behind Wireshark's remarks on the segment (`[TCP Retransmission] `).
local function behind_remarks(text)
  local first, last, _ = 1, nil, nil
  repeat
    _, last = find(text, "^%[TCP [%a%-' ]+%] ?", first)
    first = last and last + 1 or first
  until not last
  return first
end

local function known(text, first, form)
  local last = ending(text, first, form.first)
  local more = last
  while more and form.more do
    last, more = more, ending(text, more + 1, form.more)
  end
  return last
end

-- Return what may be kept of the Info of a frame whose Protocol column is `protocol`, or nil.
function info.open(protocol, text)
  local forms = text and FORMS[protocol]
  if not forms then
    return nil
  end
  local first = behind_remarks(text)
  for i = 1, #forms do
    local last = known(text, first, forms[i])
    if last then
      return sub(text, 1, last)
    end
  end
  return nil
end

return info

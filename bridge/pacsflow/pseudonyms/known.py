"""Words that name nobody: those of standards, of Zeek and Wireshark, and of pacsflow itself.

A column that ought to hold such a word may hold anything where somebody made a log by hand; under a
key a word passes for what it is, not for where it stands.
"""

from __future__ import annotations

import re
from functools import cache

from pacsflow.terms import SERVICES, sop_classes, transfer_syntaxes
from pacsflow.terms.dicom_times import OPERATIONS

NOTICES = frozenset(
    {
        "External_Association", "Cleartext_Across_Sites", "AE_Title_Guessing", "Find_Enumeration",
        "Bulk_Retrieval", "Move_To_Unknown_Destination", "New_Peer", "AE_Title_On_Several_Hosts",
        "Association_Flood", "Echo_Scan", "Store_From_Unknown_Sender", "Unknown_Store_Sender",
        "Part10_In_Data_Set", "Executable_In_DICOM_File", "Cleartext_Credentials", "Malformed",
        "Reserved_Bits_Set", "Slow_Responses",
    }
)  # fmt: skip
"""Notices of the Zeek package; a test holds them beside its script."""
_OURS = """
accepted rejected no_reply unknown released aborted closed incomplete failures slow success warning
failure pending cancel scu scp both pacs modality workstation worklist printer gateway other
inventory association traffic orig resp midstream malformed truncated sampled reserved_nonzero
part10_in_dataset one_sided unfinished username username_passcode kerberos saml jwt zeek capture
sflow copies spread active new silent unseen dicom.log C-ECHO C-STORE C-FIND C-GET C-MOVE C-CANCEL
DIMSE-N dicom? answers-queries answers-worklists takes-prints asks sends-images takes-from-modality
others-connect takes-and-gives sends-most receives-most
"""
_ZEEK = """
tcp udp icmp sctp ip unknown_transport S0 S1 SF REJ S2 S3 RSTO RSTR RSTOS0 RSTRH SH SHR OTH gre
vxlan geneve gtpv1 teredo ip4 ip6 6in4 socks ayiya ACTION_NONE ACTION_LOG ACTION_EMAIL ACTION_ALARM
Notice::ACTION_NONE Notice::ACTION_LOG Notice::ACTION_EMAIL Notice::ACTION_ALARM
Notice::ACTION_ADD_GEODATA Notice::ACTION_DROP SSLv2 SSLv3 TLSv10 TLSv11 TLSv12 TLSv13 DTLSv10
DTLSv12 DTLSv13 dce_rpc dhcp dicom dnp3 dns dtls finger ftp ftp-data gssapi gtp http imap irc krb
krb_tcp kerberos ldap ldap_tcp ldap_udp modbus mqtt mysql ntlm ntp ntp_udp pop3 postgresql profinet
quic radius rdp redis rfb rpc s7comm sip smb smtp snmp spicy_ldap spicy_ldap_tcp spicy_quic ssh ssl
ssl_tcp syslog telnet tftp vnc websocket wireguard xmpp hl7 mllp bacnet enip opcua_binary nfs nbns
"""
_WIRESHARK = """
TCP UDP ICMP ICMPv6 IGMP IGMPv1 IGMPv2 IGMPv3 ARP RARP DNS MDNS LLMNR NBNS NBSS NBDS DHCP DHCPv6
BOOTP HTTP HTTP2 XML JSON TLSv1 TLSv1.0 TLSv1.1 TLSv1.2 TLSv1.3 TLS SSL DTLS DICOM DCM SMB SMB2 SSH
SSHv2 NTP SNMP LDAP CLDAP KRB5 SIP SDP RTP RTCP RTSP FTP FTP-DATA TFTP SMTP IMF POP IMAP TELNET
Syslog SYSLOG QUIC GQUIC RDP RDPUDP STUN SCTP GRE ESP AH ISAKMP L2TP PPTP PPP VRRP HSRP STP RSTP
MSTP LLDP CDP LACP EAP EAPOL RADIUS OSPF BGP RIP PIM IP IPv4 IPv6 IPX Ethernet ETHERNET LLC LOOP
sFlow CFLOW DCERPC RPC NFS MOUNT Portmap TDS MySQL PGSQL MQTT COAP CoAP WebSocket SSDP Modbus BACnet
HL7 MLLP iSCSI X11 VNC IRC OCSP TPKT COTP VXLAN Geneve GENEVE GTP Teredo PPPoED PPPoES 802.11 WSP
BROWSER LANMAN SMPP ADwin DLSw WireGuard WHOIS TFTP2 DRSUAPI EPM LSARPC SAMR NETLOGON SRVSVC WINREG
"""
_MODALITIES = """
AR ASMT AU BDUS BI BMD CD CF CP CR CS CT CTPROTOCOL DD DF DG DM DOC DS DX EC ECG EEG EMG EOG EPS ES
FA FID FS GM HC HD IO IOL IVOCT IVUS KER KO LEN LP LS M3D MA MG MR MS NM OAM OCT OP OPM OPR OPT
OPTBSV OPTENF OPV OSS OT PA PLAN POS PR PT PX REG RESP RF RG RTDOSE RTIMAGE RTINTENT RTPLAN RTRAD
RTRECORD RTSEGANN RTSTRUCT SEG SM SMR SR SRF STAIN TEXTUREMAP TG US VA VF XA XC ANN DMS
"""
_CIPHER = """
TLS SSL RSA DHE DH ECDHE ECDH ECDSA DSS PSK SRP KRB5 anon NULL WITH EXPORT EXPORT1024 FALLBACK EMPTY
RENEGOTIATION INFO SCSV RC4 RC2 DES DES40 3DES IDEA AES CAMELLIA ARIA SEED CHACHA20 POLY1305 CNT CBC
CBC3 GCM CCM EDE GOSTR341001 28147 8 40 56 128 256 MD5 SHA SHA256 SHA384 SHA512 IMIT
"""
"""What names of cipher suites are made of (IANA's registry)."""
UID = re.compile(r"(?=.{3,64}$)[0-9]+(\.[0-9]+)+")
_FORMS = (
    re.compile(r"0x[0-9A-F]{4}"),  # a status code of PS3.7
    re.compile(r"[0-9]"),  # a type of user identity that has no name here
    re.compile(r"unknown-[0-9]{1,5}"),  # what Zeek calls a version or suite that it does not know
)
_HISTORY = re.compile(r"\^?[A-Za-z]{1,40}")
_ONCE, _OFTEN = "SHADFRIQXshadfriqx", "CTWGNctwgn"


@cache
def words() -> frozenset[str]:
    """Return every word that is known as such."""
    listed = f"{_OURS} {_ZEEK} {_WIRESHARK} {_MODALITIES}".split()
    registered = [word for one in sop_classes().values() for word in (one.uid, one.name)]
    registered += [*transfer_syntaxes(), *transfer_syntaxes().values()]
    return frozenset([*listed, *registered, *SERVICES, *OPERATIONS, "not known"])


def is_known(text: str) -> bool:
    """Say whether a text is a word, or has a form, that names nobody."""
    if text in words() or any(form.fullmatch(text) for form in _FORMS):
        return True
    if text.startswith("DICOM::"):
        return text.removeprefix("DICOM::") in NOTICES
    return text.startswith(("TLS_", "SSL_")) and set(text.split("_")) <= set(_CIPHER.split())


def is_history(text: str) -> bool:
    """Say whether a text can be Zeek's history of a connection: most letters stand in it once."""
    once = [letter for letter in text if letter in _ONCE]
    others = set(text.removeprefix("^")) - set(_ONCE) - set(_OFTEN)
    return bool(_HISTORY.fullmatch(text)) and not others and len(once) == len(set(once))

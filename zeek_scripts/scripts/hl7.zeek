##! HL7 version 2 over MLLP: recognised and counted by message type, and nothing else of it.

@load base/frameworks/telemetry
@load base/protocols/conn/removal-hooks

module HL7;

export {
	redef enum Log::ID += { LOG };

	## TCP ports on which the analyzer runs from the first byte; elsewhere the signature in
	## hl7.sig finds it.
	const ports = { 2575/tcp } &redef;

	## Log policy of hl7.log.
	global log_policy: Log::PolicyHook;

	## Message types that are counted for one connection at most.
	option max_types = 32;

	## The columns of hl7.log.
	type Info: record {
		## When the first message came.
		ts:            time             &log;
		## Unique ID of the connection.
		uid:           string           &log;
		## The endpoints.
		id:            conn_id          &log;
		## Messages of the originator.
		orig_messages: count            &log &default=0;
		## Messages of the responder.
		resp_messages: count            &log &default=0;
		## Message types, such as ADT^A01, each with the trigger event.
		message_types: vector of string &log &default=vector();
		## How many there were of each type.
		type_counts:   vector of count  &log &default=vector();
	};

	## Generated for the header of a message.
	##
	## c: The connection.
	##
	## is_orig: True if the originator sent it.
	##
	## message_type: Such as ADT^A01; empty where it is not of that form.
	global message: event(c: connection, is_orig: bool, message_type: string);

	## Event that can be handled to access the record as it is sent to the logging framework.
	global log_hl7: event(rec: Info);

	## Writes the row of a connection.
	global finalize_hl7: Conn::RemovalHook;

	## Messages, by the first part of their type.
	global messages = Telemetry::register_counter_family(Telemetry::MetricOpts(
	    $prefix="zeek", $name="hl7_messages", $unit="1",
	    $help_text="HL7 version 2 messages over MLLP"));
}

redef record connection += {
	hl7: HL7::Info &optional;
};

redef likely_server_ports += { ports };

event zeek_init() &priority=5
	{
	Analyzer::register_for_ports(Analyzer::ANALYZER_HL7, ports);
	Log::create_stream(LOG, Log::Stream($columns=Info, $ev=log_hl7, $path="hl7", $policy=log_policy));
	}

event HL7::message(c: connection, is_orig: bool, message_type: string)
	{
	if ( ! c?$hl7 )
		{
		if ( message_type == "" )
			return;

		c$hl7 = Info($ts=network_time(), $uid=c$uid, $id=c$id);
		Conn::register_removal_hook(c, finalize_hl7);
		}

	Telemetry::counter_family_inc(messages);

	if ( is_orig )
		++c$hl7$orig_messages;
	else
		++c$hl7$resp_messages;

	for ( i, known in c$hl7$message_types )
		if ( known == message_type )
			{
			++c$hl7$type_counts[i];
			return;
			}

	if ( message_type == "" || |c$hl7$message_types| >= max_types )
		return;

	c$hl7$message_types += message_type;
	c$hl7$type_counts += 1;
	}

hook finalize_hl7(c: connection)
	{
	if ( ! c?$hl7 )
		return;

	Log::write(LOG, c$hl7);
	delete c$hl7;
	}

##! Files that are DICOM (PS3.10) and a program at once: the 128 bytes before "DICM" can hold the
##! header of one. Whatever Zeek sees files in: HTTP, SMB, FTP, mail.

@load base/frameworks/files
@load base/frameworks/notice

@load ./notices

module DICOM;

export {
	## Switch of Executable_In_DICOM_File.
	option notice_executable = T;

	## Types of files that run.
	option executable_mime_types: set[string] = {
		"application/x-dosexec",
		"application/x-executable",
		"application/x-sharedlib",
		"application/x-mach-o-executable",
		"application/x-object",
		"text/x-shellscript",
	};
}

event file_sniff(f: fa_file, meta: fa_metadata)
	{
	if ( ! notice_executable || ! meta?$mime_types )
		return;

	local types: set[string] = set();

	for ( i, match in meta$mime_types )
		add types[match$mime];

	if ( "application/dicom" !in types )
		return;

	local programs = types & executable_mime_types;

	if ( |programs| == 0 )
		return;

	local n = Notice::Info($note=Executable_In_DICOM_File,
	                       $msg=fmt("a DICOM file that is a program, too, over %s", f$source),
	                       $sub=join_string_set(programs, ","), $f=f, $identifier=f$id);
	NOTICE(n);
	}

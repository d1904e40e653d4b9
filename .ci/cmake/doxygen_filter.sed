# Shows the headers' plain comments to Doxygen. The first comment is about the file, one behind
# a declaration is about that; a line of dashes parts a class and documents nothing.
# Names are documented without the inline namespace of the version.
s|^namespace mapvec::inline v[0-9_]+|namespace mapvec|
1s|^// |/// @file\n/// |
/^ *\/\/ ---/b
s|^( *)//( .*)?$|\1///\2|
s|([;,{}>)]) +// |\1 ///< |

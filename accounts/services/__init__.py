"""What changes accounts.

``people`` sign up, prove who they are and change what is theirs; ``teams`` have members and invite others; ``keys`` let
programs in, ``factors`` ask for a second proof, ``sessions`` remember who is in, by ``tokens`` where a program is.
``letters`` are the mails about all this, ``tries`` the count of knocks at each door.
"""

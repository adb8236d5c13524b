/* Says why a file cannot be executed, without a shell's attempts to make something of it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int count, char **arguments)
{
	char *none[] = { NULL };
	if (count != 2)
		return 2;
	execve(arguments[1], arguments + 1, none);
	printf("%s: %s\n", arguments[1], strerror(errno));
	return 0;
}

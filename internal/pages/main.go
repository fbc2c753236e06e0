// Pages completes the documentation that tfplugindocs has generated. It adds to each page its
// subcategory, its callouts and its links to other pages from table.go, and to the index a
// table of all pages.
package main

import (
	"flag"
	"fmt"
	"os"
)

func main() {
	dir := flag.String("docs", "docs", "the `directory` of the generated pages")
	flag.Parse()
	if err := completeAll(*dir, table()); err != nil {
		fmt.Fprintln(os.Stderr, "unable to complete the documentation:", err)
		os.Exit(1)
	}
}

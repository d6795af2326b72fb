/** What FaceShield says, shown: as pictures, as a page, as JSON. */
package io.aegis.cli.faceshield;

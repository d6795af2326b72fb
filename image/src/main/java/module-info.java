/** From a file to pixels to model input: decoding, exact resizing, local descriptors. */
module io.aegis.image {
    requires java.desktop;
    requires com.twelvemonkeys.imageio.jpeg;
    requires com.twelvemonkeys.imageio.webp;

    exports io.aegis.image;
}
